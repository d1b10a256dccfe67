"""Functional groups that react under the conditions of a polymerisation, as SMARTS."""

from __future__ import annotations

# In a block, any of these that is none of its ends makes the polymer branch, stops the chain, or burns.
REACTIVE: dict[str, str] = {
    "amine": "[NX3;H2;!$(N[C,S,P]=[O,S,N]);!$(N[N,O])]",
    "secondary amine": "[NX3;H1;!$(N[C,S,P]=[O,S,N]);!$(N(c)c);!R]",
    "cyclic amine": "[NX3;H1;R;!$(N[C,S,P]=[O,S,N]);!$(N~[n,N])]([#6;!a])",
    # An NH whose other nitrogen is acylated is the cut end of a polyhydrazide; an NH2 there is a hydrazide's.
    "hydrazine or hydroxylamine": "[NX3;!H0;!$(N[C,S]=O);!$([H1]([#6])[NX3][C,S]=O)][NX3,OX2]",
    "imine": "[NX2;H1]=[#6]",
    "acid": "[CX3](=O)[OX2H1]",
    "acyl halide": "[CX3](=O)[F,Cl,Br,I]",
    "anhydride": "[#6X3](=O)~[#8X2]~[#6X3]=O",
    "hydroxyl": "[OX2H1;!$(O[CX3]=O)]",
    "isocyanate": "[NX2]=C=[O,S]",
    "thiol": "[SX2H]",
    "sulfonyl halide or acid": "[SX4,SX3](=O)[OX2H1,F,Cl,Br]",
    "phosphorus acid or chloride": "[PX4,PX3][OX2H1,F,Cl,Br]",
    "aldehyde": "[CX3H1](=O)[#6]",
    "epoxide or aziridine": "[#6;r3]~1~[O,N,S;r3]~[#6;r3]~1",
    "alkyl halide": "[CX4;!$(C(F)(F));!$(C([F,Cl,Br])([F,Cl,Br]))][Cl,Br,I]",
    "silyl halide or hydride": "[Si;!H0,$([Si][F,Cl,Br,I])]",
    "boronic acid": "[BX3]",
    "azide or diazo": "[#7]~[#7+]",
    "alkyne": "[CX2]#[CX2]",
}
