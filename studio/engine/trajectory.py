"""One pass of a picture on its way: its sampler, its noise, its conditioning by step, and how far it has come.

It knows nothing of other pictures and never calls a network: it says what it wants to see denoised, and is given it.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from studio.engine.conditioning import PictureConditioning, StepConditioning
from studio.engine.denoiser import guided
from studio.engine.embeddings import EmbeddingShelf
from studio.engine.load import LATENT_CHANNELS, LoadedCheckpoint
from studio.engine.passes import Pass
from studio.errors import Unstable
from studio.prompt import NO_WORDS, parse
from studio.recipe.events import PictureOrder
from studio.sampling.ask import Ask
from studio.sampling.noise import PictureNoise
from studio.sampling.registry import default_options, sampler, sigmas_for

MOST_CALLS_PER_STEP = 20
"""DPM adaptive chooses its own steps; one that wants more calls than this per step asked for, plus 400, has lost its
way.
"""


class Trajectory:
    """A picture between the first noise and the last latents of one pass.

    `served_at` orders fair turns: the number of the round that it last took part in. `alone` keeps it out of shared
    rounds.

    Raises on making:
        PromptError: the prompt or negative prompt cannot be understood.
        InvalidField: clip skip beyond the text encoder's layers.
        UnknownSampler: a sampler or schedule nobody knows.
    """

    def __init__(
        self,
        order: PictureOrder,
        checkpoint: LoadedCheckpoint,
        served_at: int = 0,
        pass_: Pass | None = None,
        embeddings: EmbeddingShelf | None = None,
    ) -> None:
        self.run = Pass(order.recipe) if pass_ is None else pass_
        recipe = self.recipe = self.run.recipe
        self.order = order
        self.checkpoint = checkpoint
        self.served_at = served_at
        self.alone = recipe.exact
        self.steps = self.run.steps
        self.steps_done = 0
        self.latents: Tensor | None = None
        self._calls = 0
        prompt = parse(recipe.prompt, "prompt", self.steps)
        self._conditioning = PictureConditioning(
            checkpoint.conditioner,
            prompt,
            parse(recipe.negative_prompt, "negative_prompt", self.steps),
            recipe.clip_skip,
            recipe.emphasis,
            embeddings.words(order, checkpoint.conditioner.tokenizer) if embeddings else NO_WORDS,
            embeddings,
        )
        self._start_sampler(checkpoint)

    def _start_sampler(self, checkpoint: LoadedCheckpoint) -> None:
        recipe = self.recipe
        schedule = checkpoint.noise_schedule
        noise = PictureNoise.for_recipe(recipe, LATENT_CHANNELS)
        sigmas = sigmas_for(recipe.sampler, recipe.schedule, recipe.steps, schedule, recipe.family)[-self.steps - 1 :]
        device = checkpoint.decoder.device
        x = noise.initial().to(device) * float(sigmas[0])
        if self.run.start is not None:
            x = self.run.start + x
        options = dataclasses.replace(default_options(recipe.sampler, schedule), eta=recipe.eta)
        self._sampler = sampler(recipe.sampler)(
            x, sigmas, lambda sigma, sigma_next: noise.step(sigma, sigma_next).to(device), options
        )
        self._take(None)

    @property
    def ask(self) -> Ask:
        """What the sampler wants to see denoised now; only while `latents` is None."""
        assert self._ask is not None, "a finished trajectory asks nothing"
        return self._ask

    @property
    def conditioning(self) -> StepConditioning:
        return self._conditioning.at(self.ask.step)

    @property
    def contexts(self) -> list[Tensor]:
        """The contexts of the samples this picture needs from one call: each side of ``AND``, then the negative
        prompt.
        """
        now = self.conditioning
        positives = [context for _, context in now.positives]
        return [*positives, now.negative] if self._needs_negative else positives

    @property
    def pooled(self) -> list[Tensor]:
        """For each of `contexts` its pooled vector, where the network wants one."""
        pooled = list(self.conditioning.pooled)
        return pooled if self._needs_negative else pooled[:-1]

    @property
    def time_ids(self) -> Tensor:
        """What Stable Diffusion XL is told of sizes, (6,): height and width of the original, top and left of the crop,
        height and width wanted (Podell et al. 2023, arXiv:2307.01952, section 2.2).
        """
        height_px, width_px = self.recipe.height_px, self.recipe.width_px
        return torch.tensor([height_px, width_px, 0, 0, height_px, width_px], dtype=torch.float32)

    @property
    def _needs_negative(self) -> bool:
        # At guidance 1 the negative half cancels out, so the call is half as large.
        if self.ask.want_unconditional or self.recipe.guidance_scale != 1:
            return True
        positives = self.conditioning.positives
        return len(positives) > 1 or positives[0][0] != 1

    def combined(self, answers: Tensor) -> Tensor:
        """What the sampler is to be sent, from the network's answers (samples, 4, height / 8, width / 8) to
        `contexts`.
        """
        answer = answers[0]
        if self._needs_negative:
            weights = [weight for weight, _ in self.conditioning.positives]
            negative = answers[-1]
            answer = guided(negative, list(zip(weights, answers, strict=False)), self.recipe.guidance_scale)
            if self.ask.want_unconditional:
                answer = torch.stack((answer, negative))
        masked = self.run.masked
        return answer if masked is None else masked.blended(answer, self.ask.step / self.steps)

    def send(self, answer: Tensor) -> None:
        """Give the sampler its answer; it asks again, or `latents` holds what it made.

        Raises:
            Unstable: it has asked far more often than its steps can need.
        """
        self._calls += 1
        if self._calls > MOST_CALLS_PER_STEP * self.steps + 400:
            raise Unstable(
                f"{self.recipe.sampler} found no end after {self._calls} network calls. Try another sampler."
            )
        self._take(answer)

    def _take(self, answer: Tensor | None) -> None:
        try:
            self._ask: Ask | None = next(self._sampler) if answer is None else self._sampler.send(answer)
            self.steps_done = max(self.steps_done, min(self._ask.step, self.steps))
        except StopIteration as end:
            self._ask = None
            self.latents = end.value
            self.steps_done = self.steps

    def close(self) -> None:
        """Stop the sampler; harmless when it has ended."""
        self._sampler.close()
