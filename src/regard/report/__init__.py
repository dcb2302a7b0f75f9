"""Figures and one self-contained HTML file."""
