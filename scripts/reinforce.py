"""Teach a policy to balance a pole on a cart by REINFORCE: a mean return of at least 475 of 500.

    python scripts/reinforce.py --seed 3

Simple Statistical Gradient-Following Algorithms, Williams 1992, https://doi.org/10.1007/BF00992696
The cart-pole is Barto, Sutton and Anderson's, https://doi.org/10.1109/TSMC.1983.6313077
"""

import math

import common

import minitorch_ndl as ndl
from minitorch_ndl import nn, optim
from minitorch_ndl.distributions import Categorical


class CartPole:
    """A pole hinged to a cart that is pushed left (0) or right (1) at each step. Every step that the pole stands earns 1.

    The state is (position in m, speed, angle of the pole in rad, its rate). An episode is over when the cart is 2.4 m from
    the middle, when the pole leans 12 degrees, or after 500 steps.
    """

    gravity, cart, pole, half_length, force, seconds = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
    max_steps = 500

    def reset(self):
        self.state, self.steps = (ndl.rand(4) * 0.1 - 0.05).tolist(), 0
        return self.state

    def step(self, action):
        """Returns the state, the reward, and whether that was the end."""
        x, speed, angle, rate = self.state
        push, total = self.force if action == 1 else -self.force, self.cart + self.pole
        sin, cos = math.sin(angle), math.cos(angle)
        part = (push + self.pole * self.half_length * rate ** 2 * sin) / total
        turning = (self.gravity * sin - cos * part) / (self.half_length * (4 / 3 - self.pole * cos ** 2 / total))
        moving = part - self.pole * self.half_length * turning * cos / total
        t = self.seconds
        self.state = [x + t * speed, speed + t * moving, angle + t * rate, rate + t * turning]
        self.steps += 1
        fell = abs(self.state[0]) > 2.4 or abs(self.state[2]) > math.radians(12)
        return self.state, 1.0, fell or self.steps == self.max_steps


class Policy(nn.Module):
    """A state (4,) to the logits of the two actions (2,)."""

    def __init__(self, hidden):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, hidden), nn.ReLU(), nn.Linear(hidden, 2))

    def forward(self, state):
        return self.layers(state)


def play(environment, policy):
    """One episode: the log-probabilities of the actions taken, and the rewards."""
    log_probs, rewards = [], []
    state, over = environment.reset(), False
    while not over:
        choice = Categorical(logits=policy(ndl.tensor(state)))
        action = choice.sample()
        log_probs.append(choice.log_prob(action))
        state, reward, over = environment.step(action.item())
        rewards.append(reward)
    return log_probs, rewards


def discounted(rewards, gamma):
    """What was still to come at each step, the later the less: (T,)."""
    total, totals = 0.0, []
    for reward in reversed(rewards):
        total = reward + gamma * total
        totals.append(total)
    return ndl.tensor(totals[::-1])


def main():
    parser = common.parser(__doc__, lr=1e-2)
    add = parser.add_argument
    add("--episodes", type=common.positive_int, default=1000, metavar="N", help="episodes to learn from, at most")
    add("--solved", type=float, default=475.0, metavar="X", help="stop when the running mean return is above X")
    add("--test-episodes", type=common.positive_int, default=20, metavar="N", help="episodes to judge it by")
    add("--hidden", type=common.positive_int, default=128, metavar="N", help="size of the hidden layer")
    add("--gamma", type=float, default=0.99, metavar="X", help="how much a reward counts one step earlier")
    args = parser.parse_args()

    ndl.manual_seed(args.seed)
    environment = CartPole()
    policy = Policy(args.hidden)
    optimizer = optim.Adam(policy.parameters(), lr=args.lr)
    running = 10.0
    with common.Progress("learning", args.episodes, not args.quiet) as progress:
        for _ in range(args.episodes):
            log_probs, rewards = play(environment, policy)
            returns = discounted(rewards, args.gamma)
            # Better than the episode's mean is to be done more often, worse less often.
            advantages = (returns - returns.mean()) / (returns.std() + 1e-8)
            loss = -(ndl.stack(log_probs) * advantages).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

            running = 0.95 * running + 0.05 * len(rewards)
            progress.step(loss=loss.item(), **{"return": len(rewards)})
            if running > args.solved:
                break

    with ndl.no_grad():
        returns = [len(play(environment, policy)[1]) for _ in range(args.test_episodes)]
    common.report(mean_return=f"{sum(returns) / len(returns):.1f} of {environment.max_steps} over {len(returns)} episodes",
                  learned_in=f"{progress.steps} episodes, which ended with a running mean of {running:.1f}")


if __name__ == "__main__":
    common.run(main)
