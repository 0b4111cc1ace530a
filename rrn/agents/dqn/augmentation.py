"""Augment the observations of an update: random shifts and intensity, as in DrQ (Yarats et al. 2021).

Kostrikov et al., *Image Augmentation Is All You Need* (2020, arXiv 2004.13649), section 3.1 and appendix E; with the
settings of Atari-100k as in Agarwal et al. 2021, *Deep Reinforcement Learning at the Edge of the Statistical
Precipice*, appendix A.5, and in Dopamine.
"""

from __future__ import annotations

import torch
from torch import Tensor

CUT = 2.0  # deviations at which the noise of the intensity is cut off


def random_shift(frames: Tensor, pixels: int, generator: torch.Generator) -> Tensor:
    """Move each observation by up to so many pixels in both directions; the pixels of the border are repeated.

    Args:
        frames: [B, ..., height, width]; all frames of an observation move together.
        pixels: most pixels.
        generator: on the CPU.

    Returns:
        New frames of the same shape, type and device.
    """
    height, width = frames.shape[-2:]
    moves = torch.randint(2 * pixels + 1, (len(frames), 2), generator=generator).tolist()
    inside = [torch.arange(-pixels, size + pixels, device=frames.device).clamp(0, size - 1) for size in (height, width)]
    padded = frames.index_select(-2, inside[0]).index_select(-1, inside[1])
    shifted = torch.empty_like(frames)
    for image, into, (down, right) in zip(padded, shifted, moves, strict=True):
        into.copy_(image[..., down : down + height, right : right + width])
    return shifted


def random_intensity(frames: Tensor, scale: float, generator: torch.Generator) -> Tensor:
    """Multiply each observation by 1 + scale * z, with z standard normal, cut off at two deviations.

    Args:
        frames: [B, ...], of any type.
        scale: of the noise.
        generator: on the CPU.

    Returns:
        New frames, float32, in the range of the old ones times the factor.
    """
    noise = torch.randn(len(frames), generator=generator).clamp_(-CUT, CUT)
    factors = (1 + scale * noise).to(frames.device).view(-1, *(1,) * (frames.dim() - 1))
    return frames * factors


def augment(frames: Tensor, pixels: int, scale: float, generator: torch.Generator) -> Tensor:
    """Shift observations [B, ..., height, width], then change their intensity; 0 leaves either out."""
    if pixels:
        frames = random_shift(frames, pixels, generator)
    return random_intensity(frames, scale, generator) if scale else frames
