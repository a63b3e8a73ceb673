"""A chat in the terminal: python -m chappe_client --url ws://127.0.0.1:7900/ --user ada --room lobby"""

from __future__ import annotations

import argparse
import asyncio
import sys

from . import Client, State, events, pb
from .errors import code_name
from .outbox import Entry

_HELP = "/quit, /cancel (the last message), /history; everything else is said"


def _show(event: events.Event) -> str | None:
    match event:
        case events.Connected(welcome):
            return f"* connected as {welcome.user}"
        case events.Disconnected(verdict, delay):
            what = code_name(verdict.code) if verdict.code else verdict.message
            return f"* disconnected ({what}); " + ("for good" if delay is None else f"again in {delay:.1f} s")
        case events.RoomJoined(room, joined):
            return f"* {room}: {pb.Verdict.Name(joined.verdict)}, {joined.count} here, {joined.head} entries"
        case events.RoomLeft(room, code):
            return f"* left {room}" + (f": {code_name(code)}" if code else "")
        case events.Chat(_, chat):
            name = chat.profile.display_name or chat.sender or "service"
            if chat.kind == pb.CHAT_KIND_UNSPECIFIED:
                return f"{chat.offset:>5} {name}: {chat.content.text or f'<{len(chat.content.data)} bytes>'}"
            return f"{chat.offset:>5} {name}: ({chat.kind})"
        case events.Missing(room, first, last):
            return f"* {room}: {first} to {last} are missing"
        case events.Reset(room):
            return f"* {room}: a new log"
        case events.NewSession():
            return "* another client has taken the session; a new one begins"
        case events.Ephemeral(_, pb.Typing() as typing):
            return " ".join(f"* {mark.user} {'is typing' if mark.ttl_ms else 'stopped'}" for mark in typing.marks)
    return None


async def _report(entry: Entry) -> None:
    await entry.wait()
    if entry.state is not State.STORED:
        print(f"* {entry.state.value}: {entry.content.text if entry.content else ''}", flush=True)


async def _lines() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def _main(args: argparse.Namespace) -> None:
    async with Client(args.url, args.token if args.token is not None else args.user) as client:
        room = client.room(args.room, tail=args.tail)
        waiting: set[asyncio.Task[None]] = set()

        async def show() -> None:
            async for event in client.events():
                if text := _show(event):
                    print(text, flush=True)
                if isinstance(event, events.Chat):
                    room.social.mark_read(event.chat.offset)

        shown = asyncio.create_task(show())
        print(_HELP)
        reader, last = await _lines(), None
        while (line := (await reader.readline()).decode()) and line.strip() != "/quit":
            text = line.rstrip("\n")
            if text == "/cancel" and last:
                room.cancel(last)
            elif text == "/history":
                page = await client.history(room, limit=20)
                for entry in page.entries:
                    print(_show(events.Chat(room.name, entry)))
            elif text:
                last = room.publish(text)
                task = asyncio.create_task(_report(last))
                waiting.add(task)
                task.add_done_callback(waiting.discard)
        if waiting:
            await asyncio.wait(waiting, timeout=5)
        shown.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(prog="chappe_client", description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--user", default="", help="the token for a relay in development mode")
    parser.add_argument("--token", help="a real token, instead of --user")
    parser.add_argument("--room", required=True)
    parser.add_argument("--tail", type=int, default=20, help="entries to show at first")
    try:
        asyncio.run(_main(parser.parse_args()))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
