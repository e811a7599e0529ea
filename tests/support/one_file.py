"""A small pipeline of Stable Diffusion 1.5 as one file, in its publishers' names."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
_AROUND = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_BLOCKS, _VAE_BLOCKS = 2, 4  # of the small UNet and VAE; one resnet in each, two on the way up


def join(pipeline: Path, target: Path) -> Path:
    """Write one safetensors file from a saved small pipeline; returns its configurations' folder."""
    from safetensors.torch import load_file, save_file

    def read(part: str) -> dict[str, Any]:
        return load_file(next((pipeline / part).glob("*.safetensors")))

    whole = {f"model.diffusion_model.{_unet(key)}": value for key, value in read("unet").items()}
    for key, value in read("vae").items():
        name = _vae(key)
        flat = ".attn_1." in name and name.endswith("weight") and value.ndim == 2
        whole[f"first_stage_model.{name}"] = value[..., None, None].contiguous() if flat else value
    for key, value in read("text_encoder").items():
        whole[f"cond_stage_model.transformer.text_model.{key.removeprefix('text_model.')}"] = value
    save_file(whole, target)
    folder = target.parent / "configuration"
    shutil.copytree(pipeline, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    return folder


def _unet(key: str) -> str:
    for ours, theirs in _AROUND.items():
        if key.startswith(ours + "."):
            return theirs + key[len(ours) :]
    if found := re.match(r"mid_block\.(resnets|attentions)\.(\d)\.(.*)", key):
        kind, place, rest = found.groups()
        return (
            f"middle_block.{2 * int(place)}.{_resnet(rest)}"
            if kind == "resnets"
            else f"middle_block.1.{rest}"
        )
    found = re.match(r"(down|up)_blocks\.(\d)\.(resnets|attentions|downsamplers|upsamplers)\.(\d)\.(.*)", key)
    assert found, key
    way, block, kind, place, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
    if way == "down":
        if kind == "downsamplers":
            return f"input_blocks.{2 * block + 2}.0.op.{rest.removeprefix('conv.')}"
        where = f"input_blocks.{2 * block + 1 + place}"
        return f"{where}.0.{_resnet(rest)}" if kind == "resnets" else f"{where}.1.{rest}"
    where = f"output_blocks.{_BLOCKS * block + place}"
    if kind == "upsamplers":
        attends = block == 0  # the first on the way up has attention, which stands between
        return f"output_blocks.{_BLOCKS * block + 1}.{2 if attends else 1}.{rest}"
    return f"{where}.0.{_resnet(rest)}" if kind == "resnets" else f"{where}.1.{rest}"


def _resnet(rest: str) -> str:
    name, last = rest.rsplit(".", 1)
    return f"{_RESNET[name]}.{last}"


def _vae(key: str) -> str:
    if found := re.match(r"(encoder|decoder)\.mid_block\.(resnets|attentions)\.(\d)\.(.*)", key):
        part, kind, place, rest = found.groups()
        if kind == "resnets":
            return f"{part}.mid.block_{int(place) + 1}.{rest}"
        name, last = rest.rsplit(".", 1)
        return f"{part}.mid.attn_1.{_ATTENTION[name]}.{last}"
    if found := re.match(r"encoder\.down_blocks\.(\d)\.(resnets|downsamplers)\.(\d)\.(.*)", key):
        block, kind, place, rest = found.groups()
        rest = rest.replace("conv_shortcut", "nin_shortcut")
        return f"encoder.down.{block}." + (
            f"block.{place}.{rest}" if kind == "resnets" else f"downsample.{rest}"
        )
    if found := re.match(r"decoder\.up_blocks\.(\d)\.(resnets|upsamplers)\.(\d)\.(.*)", key):
        block, kind, place, rest = found.groups()
        rest = rest.replace("conv_shortcut", "nin_shortcut")
        turned = _VAE_BLOCKS - 1 - int(block)
        return f"decoder.up.{turned}." + (
            f"block.{place}.{rest}" if kind == "resnets" else f"upsample.{rest}"
        )
    return key.replace("conv_norm_out", "norm_out")
