"""How a machine is powered: what decides the clock of its processors, as far as the system tells."""

from pathlib import Path

from search_spaces.errors import MeasurementError

_GOVERNORS = "sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor"
_PROFILE = Path("sys/firmware/acpi/platform_profile")


def power_mode(root: Path = Path("/")) -> str:
    """Return the power mode in words, for example `governor powersave, profile balanced`.

    Empty where the kernel shows none of it, as in most virtual machines: the host decides there.

    Args:
        root: Under which the kernel's files stand.
    """
    governors = sorted({text for path in root.glob(_GOVERNORS) if (text := _read(path))})
    profile = _read(root / _PROFILE)
    parts = [f"governor {'+'.join(governors)}"] if governors else []
    parts += [f"profile {profile}"] if profile else []
    return ", ".join(parts)


def require_power_mode(expected: str, root: Path = Path("/")) -> None:
    """Refuse to measure a context that was found with another power mode.

    Args:
        expected: Of the context; nothing is looked at where it is empty, because nobody knows it then.
        root: As for `power_mode`.

    Raises:
        MeasurementError: `context_mismatch`.
    """
    now = power_mode(root)
    if expected and now != expected:
        raise MeasurementError(
            "context_mismatch",
            f"the context was found with {expected}, now it is {now or 'not readable'}: "
            "set it back, or profile the device again",
        )


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""
