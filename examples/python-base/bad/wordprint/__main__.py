"""Reads a text from standard input and prints its words' fingerprints."""
import sys

import click
import fasthash


@click.command()
def main() -> None:
    for word in sorted(set(sys.stdin.read().split())):
        click.echo(f"{fasthash.digest(word.encode()):016x} {word}")


if __name__ == "__main__":
    main()
