import type { OwnBuffers, Reading } from "../../ports/own-buffers.ts";

/**
 * Of Node's undocumented handles, what is used, in this file only
 * (lib/internal/stream_base_commons.js).
 */
interface Handle {
  useUserBuffer(buffer: Uint8Array): void;
}

/** Node's own names for what `onread` sets on a socket. */
interface Slots {
  readonly buffer: symbol;
  readonly callback: symbol;
  readonly generator: symbol;
}

/**
 * Node offers `onread` for sockets that it dials, and has the same on all others without a way to
 * ask for it (nodejs/node#63956). So what `onread` sets is set here. Tests run it on both Nodes; on
 * one that is built otherwise nothing is touched (decision 86).
 */
export function nodeOwnBuffers(): OwnBuffers {
  return {
    read(socket, { room, took }: Reading): boolean {
      const handle: unknown = Reflect.get(socket, "_handle");
      const slots = slotsOf(socket);
      if (slots === undefined || !isHandle(handle)) return false;
      const first = room();
      Reflect.set(socket, slots.buffer, first);
      Reflect.set(socket, slots.callback, took);
      Reflect.set(socket, slots.generator, room);
      handle.useUserBuffer(first);
      return true;
    },
  };
}

/** Every socket of a process has the same. To look for them costs some microseconds. */
let known: Slots | undefined;

function slotsOf(socket: object): Slots | undefined {
  if (known !== undefined && known.buffer in socket) return known;
  known = lookedFor(socket);
  return known;
}

function lookedFor(socket: object): Slots | undefined {
  const own = Object.getOwnPropertySymbols(socket);
  const named = (name: string): symbol | undefined => own.find(({ description }) => description === name);
  const [buffer, callback, generator] = [named("kBuffer"), named("kBufferCb"), named("kBufferGen")];
  if (buffer === undefined || callback === undefined || generator === undefined) return undefined;
  return { buffer, callback, generator };
}

function isHandle(handle: unknown): handle is Handle {
  return (
    typeof handle === "object" &&
    handle !== null &&
    "useUserBuffer" in handle &&
    typeof handle.useUserBuffer === "function"
  );
}
