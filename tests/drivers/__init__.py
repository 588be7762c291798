"""Programs that tests run as processes of their own, in an installation of their own."""
