/** How long the control plane may take. */
export interface CallLimits {
  /** A unary call, its connection included. */
  readonly unaryMs: number;
  /**
   * From the opening of the stream to the first sign of an answer: the contract has the control
   * plane answer Hello at once.
   */
  readonly openingMs: number;
  /** One message, while the transport is full. */
  readonly sendMs: number;
}

export const CALL_LIMITS: CallLimits = { unaryMs: 15_000, openingMs: 15_000, sendMs: 30_000 };
