"""Crystal structures: CIF, POSCAR, JSON and list columns."""
