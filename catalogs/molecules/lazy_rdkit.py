"""RDKit, imported at first use."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple


class RDKit(NamedTuple):
    """RDKit's modules, SMILES parsers and queries.

    formula : function that writes the molecular formula
    reader, raw : parameters of the SMILES parser, with and without perception
    star, end, radical : queries of an attachment point, one that ends a single bond, an atom with unpaired electrons
    """

    Chem: Any
    BlockLogs: Any
    formula: Any
    reader: Any
    raw: Any
    star: Any
    end: Any
    radical: Any


@cache
def rdkit() -> RDKit:
    """Import RDKit, once."""
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdMolDescriptors, rdqueries

    def reader(whole: bool) -> Any:
        params: Any = Chem.SmilesParserParams()
        params.allowCXSMILES = params.parseName = False
        params.sanitize = params.removeHs = whole
        return params

    star = rdqueries.AtomNumEqualsQueryAtom(0)
    end = Chem.MolFromSmarts("[#0D1]-[!#0!#1]")
    radical = rdqueries.NumRadicalElectronsGreaterQueryAtom(0)
    return RDKit(
        Chem, rdBase.BlockLogs, rdMolDescriptors.CalcMolFormula, reader(True), reader(False), star, end, radical
    )
