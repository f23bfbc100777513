"""Connections that send no whole request are closed; others are answered, however often."""

import asyncio

import uvicorn
from fastapi import FastAPI

from maskdistill.pipeline.apps.view.impatient import ImpatientProtocol
from maskdistill.pipeline.apps.view.serve import bind


class Hasty(ImpatientProtocol):
    patience = 0.3


async def _talk(address: tuple[str, int], *sent: bytes, pause: float = 0.0) -> bytes:
    reader, writer = await asyncio.open_connection(*address)
    try:
        for piece in sent:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        return await asyncio.wait_for(reader.read(), timeout=5)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def _served(*conversations: tuple[tuple[bytes, ...], float]) -> list[bytes]:
    app = FastAPI()

    @app.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(1)
        return "done"

    with bind("127.0.0.1", 0) as listener:
        server = uvicorn.Server(uvicorn.Config(app, http=Hasty, log_level="error"))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        address = listener.getsockname()
        found = await asyncio.gather(*(_talk(address, *sent, pause=pause) for sent, pause in conversations))
        server.should_exit = True
        await task
    return list(found)


REQUEST = b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def test_half_a_request_is_not_waited_for_and_a_slow_answer_is_given() -> None:
    nothing, half, drops, whole = asyncio.run(
        _served(((), 0), ((REQUEST[:20],), 0), (tuple(REQUEST[i : i + 1] for i in range(20)), 0.05), ((REQUEST,), 0))
    )
    assert (nothing, half, drops) == (b"", b"", b"")
    assert b"200 OK" in whole
    assert b"done" in whole
