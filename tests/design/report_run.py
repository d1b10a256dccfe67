"""A made-up folder of a design run: nylons and polyesters derived from their monomers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    '"><svg onload=alert(3)>',
    "' onmouseover='alert(4)",
    "</style><style>body{display:none}</style>",
    "{{ 7 * 7 }}{% raw %}",
)
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def nylon(k: int, m: int) -> tuple[str, str, str, str, str]:
    """Repeat unit, class, reaction and monomers of H2N-(CH2)k-NH2 and HOOC-(CH2)m-COOH."""
    unit = f"*N{'C' * k}NC(=O){'C' * m}C(=O)*"
    words = "polycondensation of a diamine and a dicarboxylic acid"
    return unit, "polyamide", words, f"N{'C' * k}N", f"O=C(O){'C' * m}C(=O)O"


def polyester(k: int, m: int) -> tuple[str, str, str, str, str]:
    """The same with HO-(CH2)k-OH."""
    unit = f"*O{'C' * k}OC(=O){'C' * m}C(=O)*"
    words = "polycondensation of a diol and a dicarboxylic acid"
    return unit, "polyester", words, f"O{'C' * k}O", f"O=C(O){'C' * m}C(=O)O"


def units(n: int) -> list[tuple[str, str, str, str, str]]:
    """The first n of them."""
    pairs = [(k, m) for k in range(2, 12) for m in range(1, 11)]
    return [make(k, m) for k, m in pairs for make in (nylon, polyester)][:n]


def proposals(made: list[tuple[str, str, str, str, str]], several: bool) -> pa.Table:
    n = len(made)
    rng = np.random.default_rng(11)
    goal = np.sort(rng.beta(6, 3, n))[::-1]
    mean = 0.25 + 0.25 * goal + 0.01 * rng.normal(size=n)
    where = rng.choice(["in", "edge", "out"], n, p=[0.5, 0.3, 0.2])
    reasons = {"in": "", "edge": "distance 1.3 to the nearest training compound", "out": "Si not in the target"}
    smiles, classes, reactions, first, second = (list(part) for part in zip(*made, strict=True))
    columns: dict[str, Any] = {
        "rank": np.arange(1, n + 1), "smiles": smiles, "mean": mean, "lower": mean - 0.08, "upper": mean + 0.08,
        "p_goal": goal, "log_p_goal": np.log(goal), "tg": pa.array([None] * n, pa.float64()), "class": classes,
        "reaction": reactions, "monomer_1": first, "monomer_2": second, "sa_score": rng.uniform(2, 5, n),
        "novelty": rng.uniform(0, 0.6, n), "nearest_training": [nylon(6, 4)[0]] * n, "domain": where,
        "domain_reason": [reasons[d] for d in where], "distance": rng.uniform(0.2, 2, n),
        "particles": rng.integers(0, 9, n), "first_seen": rng.integers(0, 12, n),
    }  # fmt: skip
    if several:
        tg = rng.normal(420, 30, n)
        columns |= {"tg": tg, "tg_mean": tg, "tg_lower": tg - 40, "tg_upper": tg + 40}
    return pa.table(columns)


def trace() -> pa.Table:
    heat = [0.0, 0.004, 0.01, 0.03, 0.08, 0.17, 0.33, 0.58, 1.0]
    return pa.Table.from_pylist(
        [
            {
                "temperature": k, "inverse_temperature": t, "effective_size": 1000.0 if not k else 900.0 - k,
                "acceptance": 0.5 - 0.03 * k, "moves": 0 if not k else 5 + k, "moved": 0.9, "distinct": 1000 - 40 * k,
                "log_z_increment": -0.4 * min(k, 1), "log_z": -4.2 * t**0.4, "proposed": 5000, "impossible": 3,
                "invalid": 411, "evaluated": 2500 - 100 * k,
            }
            for k, t in enumerate(heat)
        ]
    )  # fmt: skip


def predictions(n: int, scale: float, shift: float) -> pa.Table:
    rng = np.random.default_rng(5)
    known = [nylon(k, m)[0] for k in range(2, 9) for m in range(3, 9)][:n]
    y = shift + scale * rng.normal(size=n)
    mean = y + 0.4 * scale * rng.normal(size=n)
    return pa.table(
        {
            "id": [f"p{k}" for k in range(n)], "formula": known, "smiles": known, "fold": rng.integers(0, 5, n), "y": y,
            "mean": mean, "lower": mean - scale, "upper": mean + scale,
        }
    )  # fmt: skip


def leaderboard() -> pa.Table:
    rows = [("stack of 5 members", "both", 40, 0.041), ("Gaussian process on descriptors", "", 0, 0.047)]
    rows += [(f"ridge on melting_point, layer {k}", "melting_point", 20, 0.05 + 0.004 * k) for k in range(1, 4)]
    return pa.Table.from_pylist(
        [
            {
                "name": name, "source": source, "networks": networks, "depth": "", "head": "ridge", "mae": mae,
                "mae_std": 0.004, "mae_unit": mae, "rmse": 1.3 * mae, "r2": 0.6, "spearman": 0.7, "coverage_90": 0.9,
                "optimism": 0.002, "beats_direct": mae < 0.047,
            }
            for name, source, networks, mae in rows
        ]
    )  # fmt: skip


def modelled(name: str, unit: str) -> dict[str, Any]:
    table = {
        "unit": unit, "log": False, "rows": 50, "used": 42, "missing": 3, "rejected": 5, "sha256": DIGEST,
        "source": "made up", "licence": "none", "notes": [],
    }  # fmt: skip
    source = {**table, "name": "melting_point", "quantity": "melting_point", "excluded": 2, "networks": 20}
    return {
        "target": {"name": name, "quantity": name, **table},
        "sources": [{**source, "unit": "K", "validation_r2": 0.81}],
        "verdict": {
            "helps": True, "chosen_mae": 0.041, "direct_name": "Gaussian process on descriptors", "direct_mae": 0.047,
            "difference": 0.006, "standard_error": 0.002, "coverage_90": 0.9, "optimism": 0.002,
            "text": f"transfer helps {name}: MAE 0.041 against 0.047",
        },
        "model": {"text": "stack of 5 members", "members": [{"name": "ridge on melting_point", "weight": 1.0}]},
        "noise": 0.02,
        "reliability": [
            {"start": 0.0, "stop": 0.01, "polymers": 40, "said": 0.004, "true": 0.025, "lower": 0.001, "upper": 0.113},
            {"start": 0.6, "stop": 1.0, "polymers": 2, "said": 0.71, "true": 1.0, "lower": 0.224, "upper": 1.0},
        ],
    }  # fmt: skip


def record(n: int, several: bool) -> dict[str, Any]:
    found = [modelled("thermal_conductivity", "W/(m K)")] + ([modelled("tg", "K")] if several else [])
    goals = ["thermal_conductivity>0.35"] + (["400<tg<470"] if several else [])
    return {
        "schema": 1,
        "kind": "design",
        "kakehashi": "0.1.0",
        "command": "kakehashi design --target tc.csv:thermal_conductivity --goal 'thermal_conductivity>0.35' --out x",
        "config": {"target": ["tc.csv:thermal_conductivity"], "goal": goals, "log": False, "networks": 20, "seed": 3,
                   "max_sa": 6.0, "heads": ["ridge", "gp"], "corpus": None, "polymer_class": [], "out": "runs/x"},
        "started": "2026-01-31T14:05:09+00:00",
        "finished": "2026-01-31T14:19:51+00:00",
        "seed": 3,
        "python": "3.11.9",
        "packages": {"rdkit": "2026.3.1"},
        "platform": "Linux",
        "device": "cpu",
        "descriptors": "ecfp6",
        "goals": goals,
        "properties": found,
        "sampler": {"name": "smc", "temperatures": 9, "particles": 1000, "proposed": 45000, "evaluated": 20731,
                    "per_second": 812.0, "log_z": -4.2, "log_z_error": 0.031, "log_z_constraint": -0.7},
        "prior": {"draws": 10000, "allowed": 9120, "mean_p_goal": 0.017, "best_p_goal": 0.61, "quantile": 0.999,
                  "p_goal": 0.42},
        "proposals": {"listed": n, "above_prior": n - 1, "classes": {"polyamide": n - n // 2, "polyester": n // 2},
                      "domain": {"in": 20, "edge": 12, "out": 8},
                      "left_out": {"known polymer": 17, "no route known": 1, "synthetic accessibility above 6": 44}},
        "timings": {"pretrain": 80.2, "sample": 55.4, "judge_and_write": 2.0},
        "warnings": [],
    }  # fmt: skip


def write_run(directory: Path, n: int = 40, several: bool = False, made: Any = None) -> Path:
    """Write the folder of a finished run with n proposals; several: of two properties."""
    directory.mkdir(parents=True, exist_ok=True)
    made = made or units(n)
    rng = np.random.default_rng(3)
    tables = {
        "proposals": proposals(made, several),
        "trace": trace(),
        "prior": pa.table({"p_goal": np.sort(rng.beta(0.3, 12, 2000))}),
        "leaderboard": leaderboard(),
        "predictions": predictions(42, 0.05, 0.3),
        "quarantine_training": pa.table(
            {
                "table": ["tc.csv"],
                "row": [3],
                "id": ["a"],
                "formula": ["*CC"],
                "reason": ["expected 2 attachment points"],
            }
        ),
    }
    if several:
        tables |= {"tg_leaderboard": leaderboard(), "tg_predictions": predictions(30, 35.0, 410.0)}
    for name, table in tables.items():
        pq.write_table(table, directory / f"{name}.parquet", write_page_checksum=True)
    (directory / "run.json").write_text(json.dumps(record(len(made), several)), encoding="utf-8")
    return directory
