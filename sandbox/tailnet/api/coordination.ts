/** What the API does to the tailnet that it stands before. */
export interface Coordination {
  createKey(order: KeyOrder): Promise<{ readonly id: string; readonly key: string }>;
  /** False: there is no such node. */
  removeNode(nodeId: string): Promise<boolean>;
}

export interface KeyOrder {
  readonly tags: readonly string[];
  readonly ephemeral: boolean;
  readonly reusable: boolean;
  readonly expiresAt: Date;
}
