/** A button that copies, and says that it did. */
import { useState } from "react";
import { Icon } from "./icons.tsx";

const TOLD_MS = 1500;

export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // A page that is neither on localhost nor on HTTPS has no clipboard of its own.
  const area = document.createElement("textarea");
  area.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  const [told, setTold] = useState(false);
  return (
    <button
      type="button"
      className="quiet"
      aria-label={told ? "Copied" : label}
      title={told ? "Copied" : label}
      onClick={async () => {
        await copyText(text);
        setTold(true);
        setTimeout(() => setTold(false), TOLD_MS);
      }}
    >
      <Icon name={told ? "good" : "copy"} size={14} />
    </button>
  );
}
