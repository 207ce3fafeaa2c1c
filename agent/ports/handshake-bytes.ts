/**
 * A client's bytes during its handshake: read and given to the TLS stack in the moment that we
 * choose. Sockets are Node's: `raw` the connection, `secured` the TLS socket around it.
 */
export interface HandshakeBytes {
  /** From now on nothing is read unless we ask. Harmless for a connection that is closed. */
  hold(raw: object): void;
  /** From now on all is read as it comes. Harmless for a connection that is closed. */
  release(raw: object): void;
  /** What has come, `mostBytes` at most, without waiting. */
  read(raw: object, mostBytes: number): Uint8Array | "nothing" | "end";
  /** Returns when the TLS stack has dealt with `bytes`: its events come during this call. */
  give(secured: object, bytes: Uint8Array): void;
}
