"""Registers the criterion `emotion2vec`: calls the model and counts.

fairseq divides the gradient of a whole effective batch by the sum of `sample_size` (masked frames), which
`Emotion2VecPretraining.combine` takes into account: the result is Eq. 9 on the effective batch.
"""

from typing import Any

from fairseq.criterions import FairseqCriterion, register_criterion
from torch import Tensor

from emotion2vec.errors import ManifestError
from emotion2vec.fairseq_plugin.config import CriterionConfig
from emotion2vec.fairseq_plugin.figures import flatten
from emotion2vec.model.emotion2vec import PretrainOutput
from emotion2vec.model.losses import LossCounts
from emotion2vec.structs import PretrainBatch


@register_criterion("emotion2vec", dataclass=CriterionConfig)
class Emotion2VecCriterion(FairseqCriterion):  # type: ignore[misc]
    """Frame loss + alpha * utterance loss (Eq. 9)."""

    def forward(
        self, model: Any, sample: dict[str, Any], reduce: bool = True
    ) -> tuple[Tensor, int, dict[str, float]]:
        """Return the loss to differentiate, the number of masked frames, and figures for the log.

        Raises:
            ManifestError: The batch could not be read; says why.
        """
        if "error" in sample:
            raise ManifestError(sample["error"])
        batch = PretrainBatch(sample["waveform_BS"], sample["padding_BS"], sample["masked_BCT"])
        output: PretrainOutput = model(batch)
        planned = sample["planned"]
        effective = (
            LossCounts(planned.effective_masked, planned.effective_rows) if self.training else None
        )
        loss = model.combine(output, effective)
        return loss, output.counts.num_masked, flatten(loss, output, sample["audio_seconds"])

    @staticmethod
    def logging_outputs_can_be_summed() -> bool:
        """Every figure is a sum or comes with its weight, so devices may add theirs up."""
        return True
