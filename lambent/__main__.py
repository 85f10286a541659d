"""`python -m lambent` is the `lambent` command."""

from lambent.cli.main import main

raise SystemExit(main())
