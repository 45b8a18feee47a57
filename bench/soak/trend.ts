/** A value at a moment, both in any unit. */
export interface Point {
  readonly at: number;
  readonly value: number;
}

/** How much a straight line through the points (least squares) rises from the first to the last; 0 with fewer than two. */
export function riseOf(points: readonly Point[]): number {
  const [first, last] = [points[0], points[points.length - 1]];
  if (first === undefined || last === undefined || first === last) return 0;
  const mean = (of: (point: Point) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const at = mean((point) => point.at);
  const value = mean((point) => point.value);
  const spread = mean((point) => (point.at - at) ** 2);
  const slope = spread === 0 ? 0 : mean((point) => (point.at - at) * (point.value - value)) / spread;
  return slope * (last.at - first.at);
}
