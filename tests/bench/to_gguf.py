"""Writes a Llama folder (one model.safetensors, 32-bit floats) as GGUF, for llama-bench.
usage: to_gguf.py FOLDER OUT.gguf f32|bf16

The file has no vocabulary: benchmarks feed ids. Needs gguf, safetensors and numpy.
"""

import json
import pathlib
import sys

import gguf
import numpy as np
from safetensors.numpy import load_file

NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
TOP = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
       "lm_head.weight": "output.weight"}


def renamed(name):
    if name in TOP:
        return TOP[name]
    layer, rest = name.removeprefix("model.layers.").split(".", 1)
    return f"blk.{layer}.{NAMES[rest.removesuffix('.weight')]}.weight"


def interleaved(weight, heads):
    """Rotary pairs beside each other, as GGUF's llama has them; halves in the folder."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def main():
    folder, out, kind = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    config = json.loads((folder / "config.json").read_text())
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    file = gguf.GGUFWriter(out, "llama")
    file.add_file_type(gguf.LlamaFileType.ALL_F32 if kind == "f32" else gguf.LlamaFileType.MOSTLY_BF16)
    file.add_context_length(config["max_position_embeddings"])
    file.add_embedding_length(config["hidden_size"])
    file.add_block_count(config["num_hidden_layers"])
    file.add_feed_forward_length(config["intermediate_size"])
    file.add_head_count(heads)
    file.add_head_count_kv(groups)
    file.add_rope_dimension_count(config["hidden_size"] // heads)
    file.add_rope_freq_base(float(config["rope_theta"]))
    file.add_layer_norm_rms_eps(config["rms_norm_eps"])
    file.add_vocab_size(config["vocab_size"])
    file.add_tokenizer_model("no_vocab")
    for name, weight in load_file(folder / "model.safetensors").items():
        if ".q_proj" in name or ".k_proj" in name:
            weight = interleaved(weight, heads if ".q_proj" in name else groups)
        weight = np.ascontiguousarray(weight, dtype=np.float32)
        if kind == "bf16" and weight.ndim == 2:
            packed = gguf.quants.quantize(weight, gguf.GGMLQuantizationType.BF16)
            file.add_tensor(renamed(name), packed, raw_dtype=gguf.GGMLQuantizationType.BF16)
        else:
            file.add_tensor(renamed(name), weight)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


main()
