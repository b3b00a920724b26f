"""Prices and news from Yahoo, through yfinance."""
