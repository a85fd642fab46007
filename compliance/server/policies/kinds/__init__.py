"""What each kind of rule means: a file per subject, pure, from facts to a finding."""
