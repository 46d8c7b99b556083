"""Trains a small BERT from scratch to tell sequences that hold more small than large numbers: no download needed."""

import argparse

import torch
from callback import MlopsCallback, resume_folder
from torch.utils.data import TensorDataset
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

from mlops_ci.guest.sdk import save_model

LENGTH, WORDS = 16, 100


def examples(count: int, seed: int) -> TensorDataset:
    tokens = torch.randint(1, WORDS, (count, LENGTH), generator=torch.Generator().manual_seed(seed))
    return TensorDataset(tokens, ((tokens < WORDS // 2).sum(dim=1) > LENGTH // 2).long())


def collate(rows):
    return {"input_ids": torch.stack([row[0] for row in rows]), "labels": torch.stack([row[1] for row in rows])}


def accuracy(scores):
    return {"accuracy": float((scores.predictions.argmax(axis=1) == scores.label_ids).mean())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
    torch.manual_seed(arguments.seed)
    model = BertForSequenceClassification(BertConfig(vocab_size=WORDS, num_labels=2, **sizes))
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir="trainer",
            num_train_epochs=arguments.epochs,
            learning_rate=arguments.lr,
            per_device_train_batch_size=32,
            seed=arguments.seed,
            logging_steps=10,
            save_steps=50,
            save_total_limit=1,
            eval_strategy="epoch",
            report_to="none",
            disable_tqdm=True,
        ),
        train_dataset=examples(4000, seed=1),
        eval_dataset=examples(500, seed=2),
        data_collator=collate,
        compute_metrics=accuracy,
        callbacks=[MlopsCallback()],
    )
    trainer.train(resume_from_checkpoint=resume_folder())
    if trainer.is_world_process_zero():
        save_model(model, config=model.config.to_dict())


if __name__ == "__main__":
    main()
