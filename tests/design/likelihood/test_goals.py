"""Goal expressions: what they mean, in which unit, and why one is refused."""

import math

import numpy as np
import pytest

from kakehashi.catalogs.records import UserError
from kakehashi.design.likelihood.goals import Goal, Property, on_fitted_scale, parse_goals

PROPERTIES = (
    Property("thermal_conductivity", "W/(m K)", log=True),
    Property("tg", "K"),
    Property("log10(K_VRH)"),
    Property("2d_gap", "eV"),
)
INF = math.inf


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("thermal_conductivity>0.35", Goal("thermal_conductivity", 0.35, INF)),
        ("thermal_conductivity > 0.35 W/(m K)", Goal("thermal_conductivity", 0.35, INF)),
        ("thermal_conductivity > 350 mW/mK", Goal("thermal_conductivity", 0.35, INF)),
        ("0.35 < thermal_conductivity", Goal("thermal_conductivity", 0.35, INF)),
        ("0.35 W/m/K >= thermal_conductivity", Goal("thermal_conductivity", -INF, 0.35)),
        ("400<tg<600 K", Goal("tg", 400.0, 600.0)),
        ("600 >= tg > 400", Goal("tg", 400.0, 600.0)),
        ("400 K < tg <= 600 K", Goal("tg", 400.0, 600.0)),
        ("tg>=470 K", Goal("tg", 470.0, INF)),
        ("tg ≥ 200 °C", Goal("tg", 473.15, INF)),
        ("-100<tg<0 degC", Goal("tg", 173.15, 273.15)),
        ("log10(K_VRH)<+.5e1", Goal("log10(K_VRH)", -INF, 5.0)),
        ("2d_gap>3", Goal("2d_gap", 3.0, INF)),
        ("2d_gap>3 eV", Goal("2d_gap", 3.0, INF)),
        ("3eV<2d_gap", Goal("2d_gap", 3.0, INF)),
    ],
)
def test_an_expression_means(text: str, goal: Goal) -> None:
    (read,) = parse_goals([text], PROPERTIES)
    assert read.property == goal.property
    assert read[1:] == pytest.approx(goal[1:], rel=1e-12)


def test_what_is_shown_is_read_again() -> None:
    for goal in (Goal("tg", 400.0, INF), Goal("tg", -INF, 500.0), Goal("tg", 400.0, 500.0)):
        assert parse_goals([str(goal)], PROPERTIES) == (goal,)


def test_several_goals_keep_their_order_and_windows_of_one_property_intersect() -> None:
    goals = parse_goals(["tg>400 K, thermal_conductivity>0.35", "tg<600", "tg<550"], PROPERTIES)
    assert goals == (Goal("tg", 400.0, 550.0), Goal("thermal_conductivity", 0.35, INF))


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["0.5<tg<0.4"], "no value lies above 0.5 and below 0.4"),
        (["0.4<tg<0.4"], "no value lies above"),
        (["600<tg<400 K"], "smaller bound first"),
        (["tg>600", "tg<400"], "tg>600 and tg<400 contradict each other"),
        (["tg>nan"], "finite number, got 'nan'"),
        (["tg<inf"], "leave an end out"),
        (["tg>-Infinity K"], "finite"),
        (["tg>1e999"], "finite"),
        (["Tg>400"], "did you mean tg?"),
        (["thermal_conductivty>1"], "did you mean thermal_conductivity?"),
        (["density>1"], "no property 'density' among thermal_conductivity, tg, log10"),
        (["tg>400 W/(m K)"], "cannot convert W/(m K)"),
        (["tg>400 furlongs"], "unknown unit 'furlongs'"),
        (["log10(K_VRH)>1 GPa"], "state the unit of both"),
        (["400 K<tg<600 degC"], "units K and degC are mixed"),
        (["400 K<tg<600"], "after the second"),
        (["tg==400"], "'==' is no bound"),
        (["tg!=400"], "'!=' is no bound"),
        (["400<tg>300"], "different directions"),
        (["tg>hot"], "expected a number with or without a unit, got 'hot'"),
        (["tg"], "expected an expression like"),
        ([">400"], "expected an expression like"),
        (["tg>"], "expected an expression like"),
        ([""], "expected an expression like"),
        (["1<tg<2<3"], "expected an expression like"),
        (["thermal_conductivity>0,35"], "of 'thermal_conductivity>0,35'"),
        ([], "at least one goal"),
    ],
)
def test_a_goal_is_refused_because(texts: list[str], words: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_goals(texts, PROPERTIES)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.code == 2


def test_windows_of_a_logarithm() -> None:
    assert on_fitted_scale(Goal("x", 1.0, math.e), log=True) == Goal("x", 0.0, 1.0)
    assert on_fitted_scale(Goal("x", -1.0, INF), log=True) == Goal("x", -INF, INF)
    assert on_fitted_scale(Goal("x", 0.0, 1.0), log=True) == Goal("x", -INF, 0.0)
    assert on_fitted_scale(Goal("x", -1.0, 0.0), log=False) == Goal("x", -1.0, 0.0)
    with pytest.raises(UserError, match="always positive"):
        on_fitted_scale(Goal("x", -1.0, 0.0), log=True)


def test_extremes_pass_the_best_known_value() -> None:
    known = [Property("tc", "W/(m K)", True, (0.1, 0.46)), Property("tg", "K", known=(150.0, 700.0))]
    assert parse_goals(["maximise tc, minimize tg"], known) == (Goal("tc", lower=0.46), Goal("tg", upper=150.0))
    assert parse_goals(["Maximise tc", "tg>400"], known) == (Goal("tc", lower=0.46), Goal("tg", lower=400.0))
    with pytest.raises(UserError, match="no known value of tc to pass"):
        parse_goals(["maximise tc"], [Property("tc")])
    with pytest.raises(UserError, match="no property 'tx' among tc, tg"):
        parse_goals(["maximise tx"], known)
    with pytest.raises(UserError, match="contradict"):
        parse_goals(["maximise tc", "tc<0.3"], known)


def test_better_is_up_down_or_nearer_to_a_window() -> None:
    values = np.array([100.0, 400.0, 500.0, 700.0])
    np.testing.assert_array_equal(Goal("tg", lower=1.0).better(values), values)
    np.testing.assert_array_equal(Goal("tg", upper=1.0).better(values), -values)
    np.testing.assert_array_equal(Goal("tg", 350.0, 600.0).better(values), [-250.0, 0.0, 0.0, -100.0])
