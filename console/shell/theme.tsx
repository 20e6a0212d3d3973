/** Light, dark, or as the machine has it. */
import { useState } from "react";
import { Icon } from "../parts/icons.tsx";

const KEY = "virga.theme";
const THEMES = ["auto", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];

function apply(theme: Theme): void {
  if (theme === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}

const kept = (): Theme => (localStorage.getItem(KEY) as Theme | null) ?? "auto";
apply(kept());

export function ThemeButton() {
  const [theme, setTheme] = useState(kept);
  return (
    <button
      type="button"
      className="quiet"
      aria-label={`Colours: ${theme}. Change`}
      title={`Colours: ${theme}`}
      onClick={() => {
        const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!;
        localStorage.setItem(KEY, next);
        apply(next);
        setTheme(next);
      }}
    >
      <Icon name="light" />
    </button>
  );
}
