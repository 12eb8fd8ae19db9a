INSERT INTO next_first (n) VALUES (3);
