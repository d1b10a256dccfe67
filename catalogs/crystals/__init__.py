"""Crystal structures: CIF, POSCAR, JSON and list columns, read into sites and tables of properties."""
