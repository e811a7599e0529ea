"""Small pipelines of the very classes that users run: random weights, a few MB, in their own folders."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio_pipeline.engines.weights import Weights

_PIECES = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -10.0)]
_CHAT = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
_ROPE = {"rope_type": "default", "mrope_section": [1, 1, 2]}


def _byte_letters() -> list[str]:
    """The 256 printable letters that byte-level vocabularies write bytes with."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(c) for c in plain] + [chr(256 + n) for n in range(256 - len(plain))]


def _vocabulary(folder: Path, words: list[str]) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: place for place, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return {"vocab": str(folder / "vocab.json"), "merges": str(folder / "merges.txt")}


def _clip_tokenizer(folder: Path) -> Any:
    from transformers import CLIPTokenizer

    letters = _byte_letters()
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(**_vocabulary(folder, words), model_max_length=77)


def _qwen_tokenizer(folder: Path) -> Any:
    from transformers import Qwen2Tokenizer

    words = [*_byte_letters(), "<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = Qwen2Tokenizer(**_vocabulary(folder, words))
    tokenizer.chat_template = _CHAT
    return tokenizer


def _t5_tokenizer() -> Any:
    from transformers import T5TokenizerFast

    return T5TokenizerFast(vocab=[*_PIECES, *((c, -3.0) for c in "\u2581" + string.ascii_lowercase)])


def _clip_text(projected: bool = False) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=514,
        hidden_size=32,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        projection_dim=32,
        bos_token_id=512,
        eos_token_id=513,
        pad_token_id=513,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def _t5_text() -> Any:
    from transformers import T5Config, T5EncoderModel

    return T5EncoderModel(T5Config(vocab_size=64, d_model=32, d_kv=8, d_ff=37, num_layers=1, num_heads=4))


def _vae(widths: tuple[int, ...] = (8, 16), **more: Any) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=widths,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        latent_channels=4,
        norm_num_groups=4,
        **more,
    )


def _unet(channels: int, **more: Any) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        block_out_channels=(8, 16),
        layers_per_block=1,
        in_channels=channels,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=4,
        sample_size=64,
        **more,
    )


# Eight pixels a latent, as in the real ones: attention is asked of all pairs of latents.
_BY_EIGHT = (8, 8, 16, 16)
_OF_SD15: dict[str, Any] = {"cross_attention_dim": 32, "attention_head_dim": 2}
_OF_SDXL: dict[str, Any] = {
    "cross_attention_dim": 64,
    "attention_head_dim": (2, 4),
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "transformer_layers_per_block": (1, 1),
    "projection_class_embeddings_input_dim": 80,
}


def _controlnet(kind: type[Any], **more: Any) -> Any:
    return kind(
        block_out_channels=(8, 16),
        layers_per_block=1,
        in_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        norm_num_groups=4,
        conditioning_embedding_out_channels=(4, 4, 8, 8),
        **more,
    )


def _sd15(folder: Path) -> tuple[Any, dict[str, Any]]:
    from diffusers import ControlNetModel, DDIMScheduler, StableDiffusionInpaintPipeline

    pipeline = StableDiffusionInpaintPipeline(
        vae=_vae(_BY_EIGHT),
        text_encoder=_clip_text(),
        tokenizer=_clip_tokenizer(folder / "words"),
        unet=_unet(9, **_OF_SD15),
        scheduler=DDIMScheduler(steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    return pipeline, {"canny": _controlnet(ControlNetModel, **_OF_SD15)}


def _sdxl_parts(folder: Path, channels: int) -> dict[str, Any]:
    from diffusers import DDIMScheduler

    return {
        "vae": _vae(_BY_EIGHT),
        "text_encoder": _clip_text(),
        "text_encoder_2": _clip_text(projected=True),
        "tokenizer": _clip_tokenizer(folder / "words"),
        "tokenizer_2": _clip_tokenizer(folder / "words"),
        "unet": _unet(channels, **_OF_SDXL),
        "scheduler": DDIMScheduler(steps_offset=1),
    }


def _sdxl(folder: Path) -> tuple[Any, dict[str, Any]]:
    from diffusers import ControlNetModel, StableDiffusionXLInpaintPipeline

    pipeline = StableDiffusionXLInpaintPipeline(**_sdxl_parts(folder, 9))
    return pipeline, {"canny": _controlnet(ControlNetModel, **_OF_SDXL)}


def _sdxl_union(folder: Path) -> tuple[Any, dict[str, Any]]:
    from diffusers import ControlNetUnionModel, StableDiffusionXLPipeline

    union = _controlnet(
        ControlNetUnionModel,
        **_OF_SDXL,
        num_control_type=8,
        addition_embed_type_num_heads=4,
        num_trans_channel=8,
        num_trans_head=2,
        num_proj_channel=8,
    )
    return StableDiffusionXLPipeline(**_sdxl_parts(folder, 4)), {"union": union}


def _flow() -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)


def _flux_fill(folder: Path) -> tuple[Any, dict[str, Any]]:
    from diffusers import FluxFillPipeline, FluxTransformer2DModel

    # Packed: 4 latent channels by 2 x 2 of the noise and of what is kept, and the mask's own 2 x 2 of 2 x 2.
    transformer = FluxTransformer2DModel(
        in_channels=16 + 16 + 16,
        out_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        guidance_embeds=True,
        axes_dims_rope=(4, 4, 8),
    )
    pipeline = FluxFillPipeline(
        scheduler=_flow(),
        vae=_vae(use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.06, scaling_factor=1.5),
        text_encoder=_clip_text(),
        tokenizer=_clip_tokenizer(folder / "words"),
        text_encoder_2=_t5_text(),
        tokenizer_2=_t5_tokenizer(),
        transformer=transformer,
    )
    return pipeline, {}


def _z_image(folder: Path) -> tuple[Any, dict[str, Any]]:
    from diffusers import ZImageControlNetModel, ZImagePipeline, ZImageTransformer2DModel
    from transformers import Qwen3Config, Qwen3Model

    size: dict[str, Any] = {"dim": 32, "n_refiner_layers": 1, "n_heads": 2, "n_kv_heads": 2}
    transformer = ZImageTransformer2DModel(
        **size, in_channels=4, n_layers=2, cap_feat_dim=16, axes_dims=[4, 6, 6], axes_lens=[512, 64, 64]
    )
    controlnet = ZImageControlNetModel(
        **size,
        control_layers_places=[0],
        control_refiner_layers_places=[0],
        control_in_dim=9,
        add_control_noise_refiner="control_noise_refiner",
    )
    text = Qwen3Config(
        vocab_size=259,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
    )
    pipeline = ZImagePipeline(
        scheduler=_flow(),
        vae=_vae(shift_factor=0.1, scaling_factor=0.4),
        text_encoder=Qwen3Model(text),
        tokenizer=_qwen_tokenizer(folder / "words"),
        transformer=transformer,
    )
    return pipeline, {"union": controlnet}


def _qwen_image(folder: Path) -> tuple[Any, dict[str, Any]]:
    from diffusers import (
        AutoencoderKLQwenImage,
        QwenImageControlNetModel,
        QwenImagePipeline,
        QwenImageTransformer2DModel,
    )
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    size: dict[str, Any] = {
        "in_channels": 16,
        "out_channels": 4,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": 16,
        "axes_dims_rope": (8, 4, 4),
    }
    vae = AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 1],
        num_res_blocks=1,
        temperal_downsample=[False],
        latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
    )
    text = {
        "vocab_size": 259,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "rope_parameters": _ROPE,
        "bos_token_id": 256,
        "eos_token_id": 258,
    }
    vision = {
        "depth": 1,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_heads": 2,
        "out_hidden_size": 16,
    }
    pipeline = QwenImagePipeline(
        scheduler=_flow(),
        vae=vae,
        text_encoder=Qwen2_5_VLForConditionalGeneration(
            Qwen2_5_VLConfig(text_config=text, vision_config=vision)
        ),
        tokenizer=_qwen_tokenizer(folder / "words"),
        transformer=QwenImageTransformer2DModel(**size, num_layers=2),
    )
    return pipeline, {"inpaint": QwenImageControlNetModel(**size, num_layers=1, extra_condition_channels=4)}


_BUILT: dict[str, Callable[[Path], tuple[Any, dict[str, Any]]]] = {
    "sd15": _sd15,
    "sdxl": _sdxl,
    "sdxl-union": _sdxl_union,
    "qwen-image": _qwen_image,
    "z-image": _z_image,
    "flux-fill": _flux_fill,
}
NAMES = tuple(_BUILT)


def save(name: str, folder: Path, seed: int = 0) -> Path:
    """Build the small pipeline of an engine and save it: ``pipeline/`` and one folder a ControlNet.

    Nothing in random ControlNets has an effect: their last layers begin at zero, and are drawn here, too.
    """
    import torch

    torch.manual_seed(seed)
    pipeline, controlnets = _BUILT[name](folder)
    pipeline.save_pretrained(folder / "pipeline", safe_serialization=True)
    for kind, net in controlnets.items():
        with torch.no_grad():
            for parameter in net.parameters():
                if not parameter.any():
                    parameter.normal_(std=0.1)
        net.save_pretrained(folder / kind, safe_serialization=True)
    return folder


def weights(folder: Path) -> Weights:
    """What ``save`` made, as an engine takes it."""
    nets = sorted(path for path in folder.iterdir() if (path / "config.json").is_file())
    return Weights(folder / "pipeline", tuple((path.name, path) for path in nets))


def full_sdxl_unet(channels: int) -> dict[str, Any]:
    """The published configuration of SDXL's UNet: 2.57 billion numbers."""
    return {
        "sample_size": 128,
        "in_channels": channels,
        "out_channels": 4,
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": (1, 2, 10),
        "attention_head_dim": (5, 10, 20),
        "cross_attention_dim": 2048,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
        "use_linear_projection": True,
    }


def save_full_sdxl(folder: Path, dtype: str, seed: int = 0) -> Path:
    """SDXL inpainting and its canny ControlNet at their published sizes, random weights: 10 GB at 16 bits."""
    import torch
    from diffusers import (
        AutoencoderKL,
        ControlNetModel,
        DDIMScheduler,
        StableDiffusionXLInpaintPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(seed)
    of_unet = full_sdxl_unet(9)
    of_net = {k: v for k, v in of_unet.items() if k not in ("sample_size", "out_channels", "up_block_types")}
    large = CLIPTextConfig(
        vocab_size=514,
        hidden_size=1280,
        intermediate_size=5120,
        num_hidden_layers=32,
        num_attention_heads=20,
        projection_dim=1280,
        hidden_act="gelu",
    )
    small = CLIPTextConfig(
        vocab_size=514, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12
    )
    kind = getattr(torch, dtype)
    pipeline = StableDiffusionXLInpaintPipeline(
        vae=AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            sample_size=1024,
            scaling_factor=0.13025,
        ).to(kind),
        text_encoder=CLIPTextModel(small).to(kind),
        text_encoder_2=CLIPTextModelWithProjection(large).to(kind),
        tokenizer=_clip_tokenizer(folder / "words"),
        tokenizer_2=_clip_tokenizer(folder / "words"),
        unet=UNet2DConditionModel(**of_unet).to(kind),
        scheduler=DDIMScheduler(steps_offset=1),
    )
    pipeline.save_pretrained(folder / "pipeline", safe_serialization=True)
    ControlNetModel(**of_net | {"in_channels": 4}).to(kind).save_pretrained(folder / "canny")
    return folder
