/**
 * This process as its service manager sees it: what we say of ourselves. Nothing here waits or
 * throws; without a manager nothing happens.
 */
export interface OwnUnit {
  /** It serves: who waits for its start may go on. Once. */
  ready(): void;
  /** One line for people. */
  tell(status: string): void;
  /** Another process of the unit serves in its place: this one says nothing more. */
  replaced(): void;
  /**
   * It has begun to end, and takes its time: the manager's patience is renewed for as long as this
   * process can ask. Latches.
   */
  stopping(): void;
}
