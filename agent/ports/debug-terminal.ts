import type { RunAs } from "../core/debug/grant.ts";
import type { RecordingFolder } from "../core/recordings.ts";
import type { Secret } from "../core/secret.ts";
import type { MachineIdentity } from "./keys.ts";

/** All that a debug terminal asks of the outside. */
export interface DebugPorts {
  readonly plane: DebugPlane;
  readonly host: TerminalHost;
  readonly recordings: Recordings;
  readonly used: UsedGrants;
  readonly signatures: GrantSignatures;
  /** Whether this machine's configuration allows a terminal as root. */
  readonly rootAllowed: boolean;
}

/**
 * The control plane, as far as terminals go. A stream lives until the far end or `signal` ends it;
 * its `incoming` ends when the far end closes in good order, and throws {PlaneError} otherwise.
 */
export interface DebugPlane {
  debugTerminal(identity: MachineIdentity, opened: TerminalOpened, signal: AbortSignal): TerminalStream;
  uploadRecording(
    identity: MachineIdentity,
    header: { readonly recordingId: string; readonly grantId: string },
    signal: AbortSignal,
  ): RecordingStream;
}

export interface Sending<Message> {
  /** Waits while the transport is full, no longer than 30 s. @throws {PlaneError} */
  send(message: Message): Promise<void>;
  /** Nothing more comes from us. */
  finish(): void;
}

export interface TerminalStream extends Sending<ToTerminal> {
  readonly incoming: AsyncIterable<FromTerminal>;
}

export interface RecordingStream extends Sending<ToRecording> {
  readonly incoming: AsyncIterable<{ readonly storedUpTo: number; readonly complete: boolean }>;
}

export interface TerminalOpened {
  readonly grantId: string;
  readonly columns: number;
  readonly rows: number;
  readonly resumed: boolean;
  readonly outputFrom: number;
  readonly inputTaken: number;
  /** "" before the terminal began. */
  readonly recordingId: string;
}

export type ToTerminal =
  | { readonly is: "output"; readonly offset: number; readonly data: Uint8Array }
  | { readonly is: "input-taken"; readonly upTo: number }
  | {
      readonly is: "exited";
      readonly exitCode: number;
      readonly signal: string;
      readonly reason: string;
      readonly recordingId: string;
      readonly message: string;
    };

export type FromTerminal =
  | {
      readonly is: "attached";
      readonly user: string;
      readonly columns: number;
      readonly rows: number;
      readonly outputReceived: number;
    }
  | { readonly is: "received"; readonly upTo: number }
  | { readonly is: "input"; readonly offset: number; readonly data: Uint8Array }
  | { readonly is: "resize"; readonly columns: number; readonly rows: number }
  | { readonly is: "signal"; readonly name: string };

export type ToRecording =
  | { readonly is: "chunk"; readonly offset: number; readonly lines: Uint8Array }
  | { readonly is: "end"; readonly sizeBytes: number };

export interface TerminalOrder {
  /** Empty: a login shell. */
  readonly command: readonly Secret[];
  readonly runAs: RunAs;
  readonly columns: number;
  readonly rows: number;
}

/** Where the processes are that hold terminals; none of them is this one. */
export interface TerminalHost {
  /**
   * Starts the shell on a terminal of its own. Ends, with all that it started, when `signal` is
   * aborted before it is there.
   * @throws {AgentError} "terminal.not-started", "terminal.unreachable"
   */
  open(order: TerminalOrder, signal: AbortSignal): Promise<HeldTerminal>;
}

export interface HeldTerminal {
  /** Whoever does not read on makes the program wait. Ends with the last of its output. */
  readonly output: AsyncIterable<Uint8Array>;
  /** Never rejects. "lost": the process that held the terminal is gone. */
  readonly exited: Promise<TerminalExit | "lost">;
  /** Resolves when the terminal has taken it, or is gone. */
  write(input: Uint8Array): Promise<void>;
  resize(columns: number, rows: number): void;
  /** To the foreground process group. One that is not known is ignored. */
  signal(name: string): void;
  /**
   * Resolves when all that was started in it is gone, whatever it did with its signals and parents.
   * Harmless when it has ended. @throws {AgentError} "terminal.not-gone"
   */
  end(): Promise<void>;
}

export interface TerminalExit {
  readonly exitCode: number;
  /** "" or for instance "SIGKILL". */
  readonly signal: string;
}

/** Recordings on this machine's disk. */
export interface Recordings {
  /** @throws {AgentError} "recording.not-begun" */
  begin(recordingId: string, header: string): Promise<Recording>;
  /**
   * Those that earlier processes left: each cut back to its last whole line, and with the end that
   * it may lack. Once, before the first `begin`.
   */
  recover(): Promise<readonly Recording[]>;
  /**
   * How the folder is, and what lies there that nobody sends. Cheap, and never throws. Before
   * `recover` what an earlier process left is not told.
   */
  look(): Promise<RecordingFolder>;
}

export interface Recording {
  readonly recordingId: string;
  /** Whole lines that are there. */
  readonly sizeBytes: number;
  /** No line will come any more. */
  readonly isEnded: boolean;
  /**
   * Whole lines, in one write.
   * @throws {AgentError} "recording.failed": then nothing of it is there.
   */
  append(lines: string): Promise<void>;
  /** The last lines. @throws {AgentError} "recording.failed" */
  end(lines: string): Promise<void>;
  /** Whole lines from `offset` on, at most `most` bytes of them unless one alone is longer. */
  read(offset: number, most: number): Promise<Uint8Array>;
  /** It is stored elsewhere: the file goes. */
  forget(): Promise<void>;
  /** It will never be stored elsewhere: the file stays, and is not looked at again. */
  setAside(): Promise<void>;
  /** The next process goes on with it. */
  release(): Promise<void>;
}

/** Which grants were used on this machine since it booted; kept over restarts of this process. */
export interface UsedGrants {
  /** @throws {AgentError} "debug-grants.unreadable" */
  has(grantId: string): Promise<boolean>;
  /** Before the terminal starts. @throws {AgentError} "debug-grants.not-kept": then it must not. */
  add(grantId: string): Promise<void>;
}

export interface GrantSignatures {
  /** Whether `signature` over `text` is that of the key: Ed25519, or ECDSA P-256 with SHA-256. */
  isGood(keyDer: Uint8Array, text: Uint8Array, signature: Uint8Array): boolean;
}
