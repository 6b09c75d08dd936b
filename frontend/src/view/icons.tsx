// view/icons.tsx - line icons, 16 px, one stroke; and the mark of Parkview.

const PATHS = {
  search: ["M2.8 7a4.2 4.2 0 1 0 8.4 0a4.2 4.2 0 1 0-8.4 0", "M10.2 10.2 13.5 13.5"],
  undo: ["M6.2 3.5 3 6.7l3.2 3.2M3.4 6.7h6a3.4 3.4 0 0 1 0 6.8H7"],
  redo: ["M9.8 3.5 13 6.7 9.8 9.9M12.6 6.7h-6a3.4 3.4 0 0 0 0 6.8H9"],
  link: ["M6.7 9.3a2.6 2.6 0 0 0 3.7 0l2-2a2.6 2.6 0 0 0-3.7-3.7l-.8.8M9.3 6.7a2.6 2.6 0 0 0-3.7 0l-2 2a2.6 2.6 0 0 0 3.7 3.7l.8-.8"],
  fit: ["M2.5 3v10M13.5 3v10M4.8 8h6.4M6.6 6 4.6 8l2 2M9.4 6l2 2-2 2"],
  help: ["M2.2 8a5.8 5.8 0 1 0 11.6 0a5.8 5.8 0 1 0-11.6 0", "M6.3 6.4a1.8 1.8 0 1 1 2.5 1.7c-.6.3-.8.6-.8 1.2M8 11.4v.1"],
  sql: ["M3 4c0 1 2.2 1.9 5 1.9s5-.9 5-1.9-2.2-1.9-5-1.9S3 3 3 4Z", "M3 4v8c0 1 2.2 1.9 5 1.9s5-.9 5-1.9V4M3 8c0 1 2.2 1.9 5 1.9S13 9 13 8"],
  command: ["M2.5 4.5h11M2.5 8h7M2.5 11.5h9"],
  close: ["m4 4 8 8M12 4l-8 8"],
  pin: ["M6 2.5h4M6.8 2.5v4L4.5 9h7L9.2 6.5v-4M8 9v4.5"],
  hide: ["M2.5 8S4.5 4.5 8 4.5 13.5 8 13.5 8 11.5 11.5 8 11.5 2.5 8 2.5 8ZM3 13 13 3"],
  warn: ["M8 2.5 14 13H2ZM8 6.5v3M8 11.2v.1"],
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg class="i" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      {PATHS[name].map((d) => (
        <path d={d} />
      ))}
    </svg>
  );
}

export function ThemeIcon() {
  return (
    <svg class="i" width={16} height={16} viewBox="0 0 16 16" aria-hidden="true">
      <circle cx="8" cy="8" r="5.4" />
      <path d="M8 2.6a5.4 5.4 0 0 1 0 10.8z" fill="currentColor" stroke="none" />
    </svg>
  );
}

export function Chevron({ down = false }: { down?: boolean }) {
  return (
    <svg class="chev" width={10} height={10} viewBox="0 0 10 10" aria-hidden="true">
      <path d={down ? "m2 3.5 3 3 3-3" : "m3.5 2 3 3-3 3"} />
    </svg>
  );
}

export function Mark() {
  return (
    <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true">
      <rect x="1" y="3" width="7" height="4" rx="1" fill="var(--running-s)" />
      <rect x="10" y="3" width="9" height="4" rx="1" fill="var(--line-3)" />
      <rect x="1" y="8.5" width="11" height="4" rx="1" fill="var(--sync-s)" />
      <rect x="14" y="8.5" width="5" height="4" rx="1" fill="var(--running-s)" />
      <rect x="1" y="14" width="4" height="4" rx="1" fill="var(--line-3)" />
      <rect x="7" y="14" width="12" height="4" rx="1" fill="var(--chan-s)" />
    </svg>
  );
}

/** A small square in a family's colour. */
export function Dot({ family }: { family: string }) {
  return <i class="dot" style={{ background: `var(--${family}-s)` }} />;
}

/** How a class looks on a goroutine's lane, for the legend. */
export function Glyph({ token }: { token: string }) {
  const box = { width: 14, height: 12, viewBox: "0 0 14 12", "aria-hidden": true } as const;
  if (token === "running" || token === "syscall")
    return (
      <svg {...box}>
        <rect width="14" height="12" rx="1.5" fill={`var(--${token}-s)`} />
      </svg>
    );
  if (token === "runnable")
    return (
      <svg {...box}>
        <rect y="2" width="14" height="8" fill="var(--runnable-f)" />
        <rect y="2" width="14" height="2" fill="var(--runnable-s)" />
        <rect y="8" width="14" height="2" fill="var(--runnable-s)" />
      </svg>
    );
  return (
    <svg {...box}>
      <rect width="14" height="12" fill={`var(--${token}-f)`} />
      <rect y="9.5" width="14" height="2.5" fill={`var(--${token}-s)`} />
    </svg>
  );
}
