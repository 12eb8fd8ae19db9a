-- The lease by which a role or a membership in a group is somebody's for a
-- time; '' is one that stays.
ALTER TABLE member_role ADD COLUMN lent TEXT NOT NULL DEFAULT '';
ALTER TABLE group_member ADD COLUMN lent TEXT NOT NULL DEFAULT '';
