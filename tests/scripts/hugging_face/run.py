"""Hugging Face's Trainer and its parser of arguments, on a tiny model that is made here."""

import sys
from dataclasses import dataclass, field

import torch
from transformers import BertConfig, BertForSequenceClassification, HfArgumentParser, Trainer, TrainingArguments


@dataclass
class ModelArguments:
    hidden_size: int = field(default=8)


arguments = ["--output_dir", "out", "--eval_strategy", "epoch", "--save_strategy", "no", "--report_to", "none",
             "--use_cpu", "--seed", "0", *sys.argv[1:]]  # fmt: skip
model_args, training_args = HfArgumentParser((ModelArguments, TrainingArguments)).parse_args_into_dataclasses(arguments)

torch.manual_seed(0)
tokens = torch.randint(1, 20, (64, 6))
rows = [{"input_ids": row, "labels": int(row.float().mean() > 10)} for row in tokens]
config = BertConfig(
    vocab_size=20,
    hidden_size=model_args.hidden_size,
    num_hidden_layers=1,
    num_attention_heads=1,
    intermediate_size=16,
)
trainer = Trainer(BertForSequenceClassification(config), training_args, train_dataset=rows, eval_dataset=rows)
trainer.train()
trainer.save_state()
trainer.save_model("model")
print("Best eval_loss:", min(row["eval_loss"] for row in trainer.state.log_history if "eval_loss" in row))
