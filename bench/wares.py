"""What the made-up shop sells, and who buys there: the contents of the bench's events, drawn with a given `random.Random`."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

_PRODUCTS = [
    ("45790-32", "Monopoly: 3rd Edition", "Games", 19.0),
    ("46493-32", "Uno Card Game", "Games", 3.5),
    ("11200-07", "Crème brûlée torch", "Kitchen", 24.9),
    ("11201-90", "Chef's knife, 20 cm", "Kitchen", 79.0),
    ("88310-11", "Wool socks, three pairs", "Clothing", 14.0),
    ("70021-00", "抹茶 starter set", "Tea", 32.0),
]
_PEOPLE = [("Ada", "Lovelace"), ("Zoë", "Müller"), ("Grace", "Hopper"), ("美咲", "田中"), ("Alan", "Turing")]
_PATHS = ["/", "/basket", "/games/monopoly", "/docs/getting-started", "/blog/2026/autumn-sale", "/search", "/über-uns"]
_CITIES = [("London", "GB"), ("Berlin", "DE"), ("São Paulo", "BR"), ("Austin", "US"), ("Łódź", "PL")]
_AGENTS = [
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile",
    "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
]


def product(draw: random.Random) -> dict[str, Any]:
    """One product as an order or a product list holds it."""
    sku, name, category, price = draw.choice(_PRODUCTS)
    quantity = draw.randint(1, 4)
    return {
        "product_id": draw.randbytes(12).hex(),
        "sku": sku,
        "name": name,
        "category": category,
        "price": price,
        "quantity": quantity,
    }


def order(draw: random.Random) -> dict[str, Any]:
    """The properties of `Order Completed`: one to four products."""
    products = [product(draw) for _ in range(draw.randint(1, 4))]
    total = round(sum(each["price"] * each["quantity"] for each in products), 2)
    money = {
        "total": total,
        "tax": round(total * 0.19, 2),
        "shipping": 3,
        "discount": 2.5,
        "currency": draw.choice(["USD", "EUR"]),
    }
    return {
        "order_id": draw.randbytes(6).hex(),
        "affiliation": "Web Store",
        **money,
        "coupon": "hasbros",
        "products": products,
    }


def viewed(draw: random.Random) -> dict[str, Any]:
    """The properties of `Product Viewed`."""
    return {
        **product(draw),
        "currency": "EUR",
        "position": draw.randrange(20),
        "url": f"https://shop.example.com{draw.choice(_PATHS)}",
    }


def searched(draw: random.Random) -> dict[str, Any]:
    """The properties of `Products Searched`."""
    return {"query": draw.choice(["monopoly", "crème brûlée", "socks", "抹茶"]), "results": draw.randrange(200)}


TRACKS: list[tuple[str, Callable[[random.Random], dict[str, Any]]]] = [
    ("Product Viewed", viewed),
    ("Product Added", product),
    ("Order Completed", order),
    ("Products Searched", searched),
]
TRACK_WEIGHTS = [40, 20, 25, 15]


def page(draw: random.Random) -> dict[str, Any]:
    """The page a browser's library attaches to every event."""
    path = draw.choice(_PATHS)
    url = f"https://shop.example.com{path}"
    return {
        "path": path,
        "referrer": "https://www.example.org/",
        "search": "?utm_source=mail",
        "title": f"Shop {path}",
        "url": url,
    }


def person(draw: random.Random) -> dict[str, Any]:
    """The traits of an identify call."""
    first, last = draw.choice(_PEOPLE)
    city, country = draw.choice(_CITIES)
    contact = {"email": f"user{draw.randrange(10**6)}@example.com", "phone": "+44 20 7946 0958"}
    plan = draw.choice(["free", "pro", "enterprise"])
    return {
        "firstName": first,
        "lastName": last,
        **contact,
        "plan": plan,
        "address": {"city": city, "country": country},
    }


def company(draw: random.Random) -> dict[str, Any]:
    """The traits of a group call."""
    return {
        "name": draw.choice(["Initech", "Hooli", "Œuvre SARL"]),
        "employees": draw.randrange(5000),
        "plan": "enterprise",
    }


def context(draw: random.Random) -> dict[str, Any]:
    """Three in four come from a browser, the rest from a server's library. Never empty: the feeder's stamp goes into it."""
    address = ".".join(["203", "0", "113", str(draw.randrange(256))])
    if draw.random() < 0.25:
        return {"library": {"name": "analytics-python", "version": "2.4.0"}, "ip": address}
    campaign = {"name": "autumn", "source": "mail", "medium": "newsletter"}
    client = {
        "ip": address,
        "userAgent": draw.choice(_AGENTS),
        "locale": draw.choice(["en-GB", "de-DE"]),
        "timezone": "Europe/Berlin",
    }
    screen = {"width": 1440, "height": 900, "density": 2}
    return {
        "library": {"name": "analytics.js", "version": "2.11.1"},
        **client,
        "screen": screen,
        "page": page(draw),
        "campaign": campaign,
    }
