"""Scores of token sequences: how unsure a tagger is of a text."""

from typing import Annotated

from service.acquisition.evidence import Array, Ragged
from service.acquisition.functions.probabilities import entropy_of, log_of
from service.acquisition.ragged import reduced
from service.acquisition.registry import acquisition
from service.acquisition.signature import Tunable


@acquisition(lower="mnlp", least=0.0, skips=True)
def mnlp(tokens: Ragged) -> Array:
    """The mean log-probability of the likeliest tags; unlikely texts are labelled sooner.

    Maximum normalised log-probability: divided by the number of tokens, so that long texts are not
    preferred for being long. A text without tokens is left unscored.

    Use: as the default for tagging and entity recognition
    Avoid: where a single difficult entity in a long text should count: `token_entropy` with max
    Formula: MNLP = (1/n) Σᵢ ln maxₖ pᵢₖ, over a text's n tokens i; score = −MNLP
    Reference: Y. Shen, H. Yun, Z. C. Lipton, Y. Kronrod and A. Anandkumar, Deep Active Learning for
      Named Entity Recognition, ICLR 2018
    """
    return 0.0 - reduced(log_of(tokens.values.max(axis=1)), tokens.ends, "mean")


@acquisition(least=0.0, skips=True)
def token_entropy(
    tokens: Ragged,
    *,
    aggregation: Annotated[
        str,
        Tunable("how the entropies of a text's tokens become one", choices=("mean", "sum", "max")),
    ] = "mean",
) -> Array:
    """Entropy of each token's tags, in nats, made one score of the text.

    The mean is the token entropy of the field, the sum its total token entropy, which prefers long
    texts. A text without tokens is left unscored.

    Use: mean for texts that are difficult throughout, max for any difficult token, sum where
      a longer text is worth its longer reading
    Avoid: sum where labelling is paid by the token
    Formula: mean, sum or max over a text's tokens i of Hᵢ = −Σₖ pᵢₖ ln pᵢₖ
    Reference: B. Settles and M. Craven, An Analysis of Active Learning Strategies for Sequence
      Labeling Tasks, EMNLP 2008
    """
    return reduced(entropy_of(tokens.values), tokens.ends, aggregation)
