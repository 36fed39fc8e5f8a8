import pytest


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Folder of a sentence-transformers model with random word embeddings, made here."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    words = ["[UNK]", "dog", "bark", "rain", "sound", "of", "the", "church", "bells"]
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    weights = torch.randn(len(words), 6, generator=torch.Generator().manual_seed(0))
    folder = tmp_path_factory.mktemp("models") / "tiny"
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=weights.numpy())], device="cpu")
    model.save(str(folder))
    return folder
