"""``python -m medqdeg_desktop`` is the ``medqdeg`` command."""

from medqdeg_desktop.cli import main

if __name__ == "__main__":
    main()
