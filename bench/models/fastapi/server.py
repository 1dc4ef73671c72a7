from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Echo(BaseModel):
    s: str


class Request(BaseModel):
    input: Echo


@app.post("/sync")
def sync(request: Request) -> dict[str, str]:
    return {"output": request.input.s, "status": "succeeded"}


@app.post("/async")
async def run(request: Request) -> dict[str, str]:
    return {"output": request.input.s, "status": "succeeded"}
