"""What people and machines read of an assessment: terminal, SARIF, JUnit, GitLab, the HTML dossier."""
