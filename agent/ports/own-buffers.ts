/** Where a socket's bytes are put as they are read. Sockets are Node's. */
export interface Reading {
  /**
   * Asked before each read; what it gave before is not written to any more. Never empty: the TLS
   * stack would wait in a loop for room.
   */
  readonly room: () => Uint8Array;
  /** So many bytes are in what `room` gave last. False: stop reading, until `socket.resume()`. */
  readonly took: (bytes: number) => boolean;
}

/**
 * Reads a socket that was accepted into buffers of ours, as Node does for those that it dials
 * (`onread`): without it each record becomes a buffer of its own, and is copied once more.
 */
export interface OwnBuffers {
  /** Whether it works on this Node; else nothing has changed, and `data` is told as ever. */
  read(socket: object, reading: Reading): boolean;
}
