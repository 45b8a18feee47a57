/** What the market sells. */
export const GOODS = ["apples", "bread", "cheese"] as const;
