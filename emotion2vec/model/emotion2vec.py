"""One step of pre-training: student and teacher, predictions and targets, losses.

In: `PretrainBatch`. Out: `PretrainOutput`, whose sums `losses.combine_losses` turns into Eq. 9.
Paper: Section 3 as a whole; Figure 1.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emotion2vec.model.config import ModelConfig
from emotion2vec.model.context import ContextOutput
from emotion2vec.model.diagnostics import Diagnostics, channel_std
from emotion2vec.model.ema import EmaTeacher, annealed_decay
from emotion2vec.model.encoder import SpeechEncoder
from emotion2vec.model.losses import LossCounts, combine_losses, squared_error_sum
from emotion2vec.model.prediction import MaskedPrediction
from emotion2vec.model.targets import average_layers, pool_frames
from emotion2vec.model.utterance_tokens import pool_utterance
from emotion2vec.structs import PretrainBatch, frame_padding


@dataclass(frozen=True)
class PretrainOutput:
    """Losses of one micro-batch, each a sum that its caller normalises.

    Attributes:
        frame_sum: Eq. 8 summed over masked frames, scalar.
        utterance_sum: Eq. 5 summed over utterances and clones, scalar.
        counts: How many terms each sum has.
        diagnostics: Figures of spread.
    """

    frame_sum: Tensor
    utterance_sum: Tensor
    counts: LossCounts
    diagnostics: Diagnostics


class Emotion2VecPretraining(nn.Module):
    """Student, decoder and teacher."""

    def __init__(
        self,
        student: SpeechEncoder,
        decoder: MaskedPrediction,
        teacher: EmaTeacher,
        config: ModelConfig,
    ) -> None:
        super().__init__()
        self.student = student
        self.decoder = decoder
        self.teacher = teacher
        self.config = config

    def forward(self, batch: PretrainBatch) -> PretrainOutput:
        """Compute both losses of a micro-batch of B utterances and C clones."""
        masked_BCT = batch.masked_BCT
        padding_BT = None if batch.padding_BS is None else frame_padding(batch.padding_BS)

        frames_BTD = self.student.frontend(batch.waveform_BS)  # Eqs. 1, 2
        frame_target_BTD, utterance_target_BD = self._make_targets(frames_BTD, padding_BT)
        student = self._run_student(frames_BTD, padding_BT, masked_BCT)  # Eq. 4
        masked_RT = masked_BCT.flatten(0, 1)
        prediction_ND = self.decoder(
            student.frames_RVD,
            masked_RT,
            padding_RT=_repeat_clones(padding_BT, masked_BCT.size(1)),
        )
        target_ND = _targets_of_masked(frame_target_BTD, masked_BCT)
        return PretrainOutput(
            frame_sum=squared_error_sum(prediction_ND, target_ND),  # Eq. 8
            utterance_sum=self._utterance_loss(student, utterance_target_BD),  # Eq. 5
            counts=LossCounts(num_masked=target_ND.size(0), num_rows=masked_RT.size(0)),
            diagnostics=Diagnostics(
                target_var=channel_std(target_ND),
                pred_var=channel_std(prediction_ND),
                utterance_target_var=channel_std(utterance_target_BD),
                masked_share=masked_RT.float().mean(),
            ),
        )

    def combine(self, output: PretrainOutput, effective: LossCounts | None = None) -> Tensor:
        """Return the micro-batch's share of Eq. 9, to be divided by the effective batch's masked frames.

        Args:
            output: What `forward` returned.
            effective: Counts of the whole effective batch; by default the micro-batch is all of it.
        """
        return combine_losses(
            output.frame_sum,
            output.utterance_sum,
            counts=output.counts,
            effective=effective or output.counts,
            frame_weight=self.config.frame_loss_weight,
            alpha=self.config.utterance_loss_weight,
            reduction=self.config.utterance_loss_reduction,
        )

    def update_teacher(self, update: int) -> float:
        """Move the teacher after optimizer step number `update` (from 1) and return the tau used (Eq. 10)."""
        decay = annealed_decay(
            update,
            start=self.config.ema_decay,
            end=self.config.ema_end_decay,
            anneal_updates=self.config.ema_anneal_end_step,
        )
        self.teacher.update(self.student.context, decay)
        return decay

    @torch.no_grad()
    def _make_targets(self, frames_BTD: Tensor, padding_BT: Tensor | None) -> tuple[Tensor, Tensor]:
        """Frame targets (B, T, D) and utterance targets (B, D) from the teacher (Eqs. 3, 6).

        The released code pools the frame targets, whose instance norm leaves every channel a mean of zero:
        the utterance target is then 0 for every utterance. `utterance_target_norm` sets its own norm.
        """
        config = self.config
        output = self.teacher(frames_BTD, padding_BT)
        layers = [ffn_BND[:, output.num_tokens :] for ffn_BND in output.ffn]
        top_k = config.average_top_k_layers
        frame_BTD = average_layers(
            layers, top_k=top_k, norm=config.frame_target_norm, padding_BT=padding_BT
        )
        pooled_BTD = frame_BTD
        if config.utterance_target_norm != config.frame_target_norm:
            pooled_BTD = average_layers(
                layers, top_k=top_k, norm=config.utterance_target_norm, padding_BT=padding_BT
            )
        return frame_BTD, pool_frames(pooled_BTD, padding_BT)

    def _run_student(
        self, frames_BTD: Tensor, padding_BT: Tensor | None, masked_BCT: Tensor
    ) -> ContextOutput:
        """Encode every clone without sight of its masked frames: R = B * C rows (Eq. 4)."""
        clones = masked_BCT.size(1)
        return self.decoder.encode(
            self.student.context,
            frames_BTD,
            masked_BCT.flatten(0, 1),
            padding_RT=_repeat_clones(padding_BT, clones),
        )

    def _utterance_loss(self, student: ContextOutput, target_BD: Tensor) -> Tensor:
        """Eq. 5 summed over utterances and clones, scalar; 0 when the model has nothing to read it from."""
        if student.num_tokens == 0 and self.config.utterance_method != "global":
            return target_BD.new_zeros(())
        prediction_RD = pool_utterance(
            student.tokens_RUD, student.frames_RVD, student.padding_RV, self.config.utterance_method
        )
        clones = prediction_RD.size(0) // target_BD.size(0)
        return squared_error_sum(prediction_RD, target_BD.repeat_interleave(clones, dim=0))


def _repeat_clones(padding_BT: Tensor | None, clones: int) -> Tensor | None:
    """Give every clone its utterance's padding: (B, T) -> (B * C, T)."""
    return None if padding_BT is None else padding_BT.repeat_interleave(clones, dim=0)


def _targets_of_masked(target_BTD: Tensor, masked_BCT: Tensor) -> Tensor:
    """Pick each clone's masked frames: (N, D), in the order in which the decoder predicts them."""
    utterance_N, _, frame_N = masked_BCT.nonzero(as_tuple=True)
    return target_BTD[utterance_N, frame_N]
