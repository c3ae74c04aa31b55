"""What A1111's clients send, written by hand: field for field with the defaults of A1111 1.10.

Fields that are not here are ignored, because clients send extras; ``null`` means that a field was left out. It refuses
to know what any of them means for a recipe: that is ``translation``.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Wire(BaseModel):
    """A body: unknown fields are ignored, ``null`` is as good as nothing."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, values: Any) -> Any:
        return (
            {key: value for key, value in values.items() if value is not None} if isinstance(values, dict) else values
        )

    def echo(self) -> dict[str, Any]:
        """Everything, as the answer repeats it."""
        return self.model_dump(mode="json")


class Generation(Wire):
    """What text to image and image to image share."""

    prompt: str = ""
    negative_prompt: str = ""
    styles: list[str] | None = None
    seed: int = -1
    subseed: int = -1
    subseed_strength: float = 0.0
    seed_resize_from_h: int = -1
    seed_resize_from_w: int = -1
    sampler_name: str | None = None
    scheduler: str | None = None
    batch_size: int = 1
    n_iter: int = 1
    steps: int = 50
    cfg_scale: float = 7.0
    width: int = 512
    height: int = 512
    restore_faces: bool | None = None
    tiling: bool | None = None
    do_not_save_samples: bool = False
    do_not_save_grid: bool = False
    eta: float | None = None
    denoising_strength: float | None = None
    s_min_uncond: float | None = None
    s_churn: float | None = None
    s_tmax: float | None = None
    s_tmin: float | None = None
    s_noise: float | None = None
    override_settings: dict[str, Any] | None = None
    override_settings_restore_afterwards: bool = True
    refiner_checkpoint: str | None = None
    refiner_switch_at: float | None = None
    disable_extra_networks: bool = False
    firstpass_image: str | None = None
    comments: dict[str, Any] | None = None
    sampler_index: str = "Euler"
    script_name: str | None = None
    script_args: list[Any] = Field(default_factory=list)
    send_images: bool = True
    save_images: bool = False
    alwayson_scripts: dict[str, Any] = Field(default_factory=dict)
    force_task_id: str | None = None
    infotext: str | None = None


class TextToImage(Generation):
    """The body of ``POST /sdapi/v1/txt2img``."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"prompt": "a fox in the snow", "steps": 20, "sampler_name": "Euler a"}]}
    )

    enable_hr: bool = False
    firstphase_width: int = 0
    firstphase_height: int = 0
    hr_scale: float = 2.0
    hr_upscaler: str | None = None
    hr_second_pass_steps: int = 0
    hr_resize_x: int = 0
    hr_resize_y: int = 0
    hr_checkpoint_name: str | None = None
    hr_sampler_name: str | None = None
    hr_scheduler: str | None = None
    hr_prompt: str = ""
    hr_negative_prompt: str = ""


class ImageToImage(Generation):
    """The body of ``POST /sdapi/v1/img2img``."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"prompt": "a fox", "init_images": ["iVBORw0KGgo…"], "denoising_strength": 0.6}]
        }
    )

    init_images: list[str] | None = None
    resize_mode: int = 0
    denoising_strength: float | None = 0.75
    image_cfg_scale: float | None = None
    mask: str | None = None
    mask_blur_x: int = 4
    mask_blur_y: int = 4
    mask_blur: int | None = None
    mask_round: bool = True
    inpainting_fill: int = 0
    inpaint_full_res: bool = True
    inpaint_full_res_padding: int = 0
    inpainting_mask_invert: int = 0
    initial_noise_multiplier: float | None = None
    latent_mask: str | None = None
    include_init_images: bool = False

    def echo(self) -> dict[str, Any]:
        dropped = {} if self.include_init_images else {"init_images": None, "mask": None}
        return {**super().echo(), **dropped}


class Extras(Wire):
    """What both ways to enlarge finished pictures share."""

    resize_mode: int = 0
    show_extras_results: bool = True
    gfpgan_visibility: float = Field(0, ge=0, le=1)
    codeformer_visibility: float = Field(0, ge=0, le=1)
    codeformer_weight: float = Field(0, ge=0, le=1)
    upscaling_resize: float = Field(2, gt=0)
    upscaling_resize_w: int = Field(512, ge=1)
    upscaling_resize_h: int = Field(512, ge=1)
    upscaling_crop: bool = True
    upscaler_1: str = "None"
    upscaler_2: str = "None"
    extras_upscaler_2_visibility: float = Field(0, ge=0, le=1)
    upscale_first: bool = False


class ExtraSingle(Extras):
    """The body of ``POST /sdapi/v1/extra-single-image``."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"image": "iVBORw0KGgo…", "upscaler_1": "Lanczos", "upscaling_resize": 2}]}
    )

    image: str = ""


class NamedImage(Wire):
    """A picture and what its file is called."""

    data: str = ""
    name: str = ""


class ExtraBatch(Extras):
    """The body of ``POST /sdapi/v1/extra-batch-images``."""

    model_config = ConfigDict(
        populate_by_name=True,
        json_schema_extra={"examples": [{"imageList": [{"data": "iVBORw0KGgo…", "name": "a.png"}]}]},
    )

    image_list: list[NamedImage] = Field(default_factory=list, alias="imageList")


class ImageOnly(Wire):
    """The body of ``POST /sdapi/v1/png-info``."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"image": "iVBORw0KGgo…"}]})

    image: str = ""


class Interrogation(Wire):
    """The body of ``POST /sdapi/v1/interrogate``."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"image": "iVBORw0KGgo…", "model": "clip"}]})

    image: str = ""
    model: str = "clip"


class TaskProgress(Wire):
    """The body of ``POST /internal/progress``."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id_task": "task(abc)"}]})

    id_task: str = ""
    id_live_preview: int = -1
    live_preview: bool = True
