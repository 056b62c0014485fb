"""The workloads. Each module has two functions that return one training step, a function from nothing to the loss:

    build(torch)  written as a PyTorch user writes it; `torch` is PyTorch or this package
    by_hand()     forward and backward in plain NumPy, no autograd: what remains when a framework costs nothing

and STEPS, how many steps make one round of about a tenth of a second. All start from the same weights and data.
"""
