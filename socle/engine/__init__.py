"""The deployment engine: finds or builds Pulumi, previews, applies the plan that was checked, recovers, destroys."""
