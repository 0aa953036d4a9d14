"""What `leadstream doctor` looks at: facts in, findings with remedies out."""
