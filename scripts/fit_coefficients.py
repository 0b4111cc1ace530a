"""Write rrn/activations/coefficients.py again from nothing: the starting coefficients of degrees (5, 4).

python scripts/fit_coefficients.py
"""

from pathlib import Path

from rrn.activations.fit import FUNCTIONS, fit_named

HEADER = '''"""Coefficients of rationals of degrees (5, 4) that approximate known functions on [-3, 3].

Written by scripts/fit_coefficients.py; `largest` and `rms` are the errors on [-3, 3]. Version D
starts from B. Version A counts the absolute values of its denominator.
"""

'''


def main() -> None:
    lines = ["COEFFICIENTS = {"]
    for name in FUNCTIONS:
        lines.append(f'    "{name}": {{')
        for version in "ABCN":
            found = fit_named(name, (5, 4), version)
            lines.append(f'        "{version}": {{')
            for part in ("numerator", "denominator"):
                lines.append(f'            "{part}": [{", ".join(f"{c:.9g}" for c in getattr(found, part))}],')
            lines.append(f'            "largest": {found.largest:.3g},')
            lines.append(f'            "rms": {found.rms:.3g},')
            lines.append("        },")
            print(f"{name:12} {version}  largest {found.largest:.3g}  RMS {found.rms:.3g}")
        lines.append("    },")
    lines.append("}")
    target = Path(__file__).parents[1] / "rrn" / "activations" / "coefficients.py"
    target.write_text(HEADER + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
