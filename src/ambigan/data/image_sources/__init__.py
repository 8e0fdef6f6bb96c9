"""Where images come from: folders, archives, single files and tables, by one set of rules."""
