"""The training of one machine in PyTorch, as resrel trains it: PCD-1, hidden units sampled in both
phases, visible units of the negative phase as conditional means."""

import torch


class Plain:
    """As a user writes it."""

    def __init__(self, visible: int, hidden: int, batch: int, rate: float):
        self.batch, self.rate = batch, rate
        self.weights = 0.01 * torch.randn(visible, hidden)
        self.visible_bias = torch.zeros(visible)
        self.hidden_bias = torch.zeros(hidden)
        self.chains = torch.bernoulli(torch.full((batch, hidden), 0.5))

    def update(self, data: torch.Tensor, chosen: torch.Tensor) -> None:
        v = data[chosen]
        h = torch.bernoulli(torch.sigmoid(v @ self.weights + self.hidden_bias))
        v_model = torch.sigmoid(self.chains @ self.weights.T + self.visible_bias)
        h_model = torch.bernoulli(torch.sigmoid(v_model @ self.weights + self.hidden_bias))
        self.chains = h_model
        step = self.rate / self.batch
        self.weights += step * (v.T @ h - v_model.T @ h_model)
        self.visible_bias += step * (v.sum(0) - v_model.sum(0))
        self.hidden_bias += step * (h.sum(0) - h_model.sum(0))


class Fast:
    """As fast as we can write it: nothing is allocated, bias and product are one call, a sample is
    `uniform < p`, and data and chains are stacked so that three products do the work of five (the
    chains' hidden samples count negatively), just as in resrel."""

    def __init__(self, visible: int, hidden: int, batch: int, rate: float):
        self.batch, self.step = batch, rate / batch
        self.weights = 0.01 * torch.randn(visible, hidden)
        self.weights_back = self.weights.T
        self.visible_bias = torch.zeros(visible)
        self.hidden_bias = torch.zeros(hidden)
        self.v = torch.empty(2 * batch, visible)
        self.v_data, self.v_model = self.v[:batch], self.v[batch:]
        self.v_transposed = self.v.T
        self.p = torch.empty(2 * batch, hidden)
        self.uniform = torch.empty(2 * batch, hidden)
        self.h = torch.empty(2 * batch, hidden).uniform_().round_()
        self.h_model = self.h[batch:]
        self.h_model.neg_()
        self.signs = torch.ones(2 * batch)
        self.signs[batch:] = -1

    def update(self, data: torch.Tensor, chosen: torch.Tensor) -> None:
        torch.index_select(data, 0, chosen, out=self.v_data)
        torch.addmm(
            self.visible_bias, self.h_model, self.weights_back, alpha=-1, out=self.v_model
        ).sigmoid_()
        torch.addmm(self.hidden_bias, self.v, self.weights, out=self.p).sigmoid_()
        torch.lt(self.uniform.uniform_(), self.p, out=self.h)
        self.h_model.neg_()
        self.weights.addmm_(self.v_transposed, self.h, alpha=self.step)
        self.visible_bias.addmv_(self.v_transposed, self.signs, alpha=self.step)
        self.hidden_bias.add_(self.h.sum(0), alpha=self.step)


class OneDnn(Fast):
    """As `Fast`, with the products of oneDNN by way of an operator that is private to PyTorch: the
    MKL that PyTorch calls for 32-bit products holds back on processors that are not Intel's."""

    def __init__(self, visible: int, hidden: int, batch: int, rate: float):
        super().__init__(visible, hidden, batch, rate)
        self.linear = torch.ops.mkldnn._linear_pointwise

    def update(self, data: torch.Tensor, chosen: torch.Tensor) -> None:
        torch.index_select(data, 0, chosen, out=self.v_data)
        down = self.linear(self.h_model.neg(), self.weights, self.visible_bias, "none", [], "")
        torch.sigmoid(down, out=self.v_model)
        up = self.linear(self.v, self.weights_back, self.hidden_bias, "none", [], "")
        torch.lt(self.uniform.uniform_(), up.sigmoid_(), out=self.h)
        self.h_model.neg_()
        step = self.linear(self.v_transposed, self.h.T, None, "none", [], "")
        self.weights.add_(step, alpha=self.step)
        self.visible_bias.addmv_(self.v_transposed, self.signs, alpha=self.step)
        self.hidden_bias.add_(self.h.sum(0), alpha=self.step)


class Products(Fast):
    """The three products of `Fast` alone: what no update whose numbers are all multiplied in single precision goes
    below."""

    def __init__(self, visible: int, hidden: int, batch: int, rate: float):
        super().__init__(visible, hidden, batch, rate)
        self.v.uniform_()

    def update(self, data: torch.Tensor, chosen: torch.Tensor) -> None:
        torch.mm(self.h_model, self.weights_back, out=self.v_model)
        torch.mm(self.v, self.weights, out=self.p)
        self.weights.addmm_(self.v_transposed, self.h, alpha=1e-9)


KINDS = {"plain": Plain, "fast": Fast, "onednn": OneDnn, "products": Products}


def order(rows: int, batch: int):
    """Mini-batches of one pass after the other, each pass in an order of its own."""
    while True:
        yield from torch.randperm(rows).split(batch)
