"""Reports: pages of HTML that open offline, built from the files of a run."""
