import torch
from agreement import assert_agree

from skzsl.nets import BilinearModule


def test_scores_are_the_bilinear_form_whichever_product_is_cheaper():
    torch.manual_seed(0)
    for n_clips, n_labels in [(2, 50), (50, 2)]:
        clips, vectors = torch.randn(n_clips, 4), torch.randn(n_labels, 3)
        weight = torch.randn(4, 3)
        module = BilinearModule(4, 3, start=weight.numpy())
        expected = torch.einsum("nd,dk,ck->nc", clips, weight, vectors)
        assert_agree(module(clips, vectors).detach(), expected)
