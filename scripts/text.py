"""What gpt.py and lstm.py share: a text as numbers, training on it, checkpoints, and writing more of it.

A model of theirs has two methods besides what every module has:

    forward(x)        characters (N, T) to the logits of the next ones (N, T, V)
    step(x, state)    the same for the last of them only (N, V), and a state that makes the next step short; it begins as None
"""

import math
import pickle
from pathlib import Path

import common

import minitorch_ndl as ndl
import minitorch_ndl.nn.functional as F
from minitorch_ndl import nn, optim
from minitorch_ndl.utils.data import DataLoader, Dataset, RandomSampler

EVERY = 250  # steps between two checkpoints


def parse_arguments(doc, options, lr):
    """`options` are the model's own: name -> (default, what it is)."""
    parser = common.parser(doc, batch_size=32, lr=lr)
    add = parser.add_argument
    add("--text", metavar="FILE", type=Path, help="the text to learn; unset: this project's own Python code")
    add("--steps", type=common.positive_int, default=1500, metavar="N", help="steps of training")
    add("--context", type=common.positive_int, default=96, metavar="N", help="characters that a step looks at")
    for name, (default, what) in options.items():
        add(f"--{name}", type=common.positive_int, default=default, metavar="N", help=what)
    add("--save", metavar="FILE", type=Path, help=f"write a checkpoint to FILE every {EVERY} steps")
    add("--sample", metavar="FILE", type=Path, help="train nothing: write text with this checkpoint")
    add("--start", metavar="TEXT", default="\n", help="how the written text begins")
    add("--length", type=common.positive_int, default=400, metavar="N", help="characters to write")
    add("--temperature", type=common.positive_float, default=0.8, metavar="X",
        help="how daring to be: near 0 the likeliest characters only, 1 as the model has it")
    return parser.parse_args()


def read_text(path):
    """A file's text, or by default the package's own code."""
    files = [path] if path else sorted((common.ROOT / "minitorch_ndl").rglob("*.py"))
    try:
        return "\n".join(file.read_text(encoding="utf-8") for file in files)
    except UnicodeDecodeError as error:
        raise common.Problem(f"{path} is not text in UTF-8: {error}") from None


def encode(text, vocabulary):
    """A text as numbers (T,): the places of its characters in `vocabulary`."""
    places = {character: i for i, character in enumerate(vocabulary)}
    unknown = sorted(set(text) - set(places))
    if unknown:
        raise common.Problem(f"--start has characters that the model never saw: {''.join(unknown)!r}")
    return ndl.tensor([places[character] for character in text])


class Windows(Dataset):
    """All pieces of a text: characters (T,), and for each the one that comes next (T,)."""

    def __init__(self, data, context):
        if len(data) <= context:
            raise common.Problem(f"{len(data)} characters, a tenth of the text or the rest, are no more than --context "
                                 f"{context}. Give a longer text or a smaller context.")
        self.data, self.context = data, context

    def __len__(self):
        return len(self.data) - self.context

    def __getitem__(self, i):
        piece = self.data[i:i + self.context + 1]
        return piece[:-1], piece[1:]


def loss_function(model, x, y):
    """Mean cross entropy in nats per character."""
    return F.cross_entropy(model(x).flatten(0, 1), y.flatten())


def train(model, windows, args, save):
    optimizer = optim.AdamW(model.parameters(), lr=args.lr)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=args.lr, total_steps=args.steps, pct_start=0.15)
    for done in range(0, args.steps, EVERY):
        steps = min(EVERY, args.steps - done)
        sampler = RandomSampler(windows, replacement=True, num_samples=steps * args.batch_size)
        with common.Progress(f"step {done + 1}-{done + steps} of {args.steps}", steps, not args.quiet) as progress:
            for x, y in DataLoader(windows, batch_size=args.batch_size, sampler=sampler):
                loss = loss_function(model, x, y)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                scheduler.step()
                progress.step(loss=loss.item())
        save()


@ndl.no_grad()
def evaluate(model, windows, batches=40):
    """The mean loss over pieces that lie evenly in the text."""
    model.eval()
    every = max(1, len(windows) // (batches * 32))
    loader = DataLoader(windows, batch_size=32, sampler=range(0, len(windows), every))
    losses = [loss_function(model, x, y).item() for x, y in loader]
    return sum(losses) / len(losses)


@ndl.no_grad()
def write(model, vocabulary, start, length, temperature):
    """A text that begins with `start`, and `length` characters that the model thinks up."""
    model.eval()
    x, state, text = encode(start, vocabulary).unsqueeze(0), None, start
    for _ in range(length):
        logits, state = model.step(x, state)
        x = ndl.multinomial(F.softmax(logits / temperature, dim=-1), 1)
        text += vocabulary[x.item()]
    return text


def main(doc, model_class, options, lr):
    args = parse_arguments(doc, options, lr)
    ndl.manual_seed(args.seed)
    if args.sample:
        try:
            saved = ndl.load(args.sample)
            vocabulary, model = saved["vocabulary"], model_class(**saved["sizes"])
            model.load_state_dict(saved["weights"])
        except (pickle.UnpicklingError, RuntimeError, TypeError, KeyError, ValueError) as error:
            raise common.Problem(f"{args.sample} is no checkpoint of this model: {error}") from None
        print(write(model, vocabulary, args.start, args.length, args.temperature))
        return

    text = read_text(args.text)
    vocabulary = "".join(sorted(set(text)))
    encode(args.start, vocabulary)  # rather now than after the training
    data = encode(text, vocabulary)
    cut = len(data) * 9 // 10
    training, test = Windows(data[:cut], args.context), Windows(data[cut:], args.context)
    sizes = {"vocabulary": len(vocabulary), "context": args.context} | {name: getattr(args, name) for name in options}
    model = model_class(**sizes)

    def save():
        if args.save:
            ndl.save({"sizes": sizes, "vocabulary": vocabulary, "weights": model.state_dict()}, args.save)

    train(model, training, args, save)
    loss = evaluate(model, test)
    shares = data.bincount() / len(data)
    by_frequency = -(shares * shares.log()).sum().item()
    print("\n" + write(model, vocabulary, args.start, args.length, args.temperature))
    common.report(test_loss=f"{loss:.4f} nats, {loss / math.log(2):.2f} bits per character",
                  by_frequency=f"{by_frequency:.4f} nats, if one only knew how often each character occurs",
                  text=f"{args.text or 'the code of minitorch_ndl'}: {len(text):,} characters, {len(vocabulary)} different",
                  parameters=f"{sum(p.numel() for p in model.parameters()):,}")
