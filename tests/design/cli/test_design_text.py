"""Proposals at the terminal: every property, nothing cut."""

from typing import Any

from kakehashi.design.cli.design_text import proposal_lines


def test_two_properties_show_both_and_a_known_polymer_its_name() -> None:
    long = "*Oc1ccc(S(=O)(=O)c2ccc(Oc3ccc(C(C)(C)c4ccc(*)cc4)cc3)cc2)cc1"
    row: dict[str, Any] = {
        "rank": 1, "smiles": "*CCCC(=O)NCC*", "mean": 0.2, "lower": 0.1, "upper": 0.4, "tg_mean": 320.0,
        "tg_lower": 280.0, "tg_upper": 360.0, "p_goal": 0.0004, "sa_score": 2.04, "class": "polyamide",
        "monomer_1": "NCCCCCC(=O)O", "monomer_2": "",
    }  # fmt: skip
    properties = [{"target": {"name": "tc", "unit": "W/(m K)"}}, {"target": {"name": "tg", "unit": "K"}}]
    assert proposal_lines(row, properties) == [
        "  1  *CCCC(=O)NCC*  (nylon 6)",
        "     tc 0.2 (0.1 to 0.4) W/(m K); tg 320 (280 to 360) K; chance below 0.1%; SA 2.0",
        "     polyamide: NCCCCCC(=O)O",
    ]
    unnamed = proposal_lines({**row, "smiles": f"{long}{long}", "class": None, "monomer_1": ""}, properties)
    assert f"{long}{long}" in unnamed[0]
    assert unnamed[2].strip() == "no route known"
