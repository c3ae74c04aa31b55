"""What `studio serve` listens with."""

from __future__ import annotations

import asyncio
import socket

from studio.cli.serve import listen


def test_answers_are_not_held_back_for_more_to_send() -> None:
    """Small answers leave at once: with Nagle's algorithm on, each waits some 40 ms for the other side."""

    async def accepted() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def look(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(look, sock=listen("127.0.0.1", 0)) as server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            answer = await found
            writer.close()
            await writer.wait_closed()
            return answer

    assert asyncio.run(accepted()) != 0
